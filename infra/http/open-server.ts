/** What every HTTP server of a process has: protection, errors as JSON, health and metrics. */
import fastify, { type FastifyInstance } from 'fastify';
import { assert } from '../../domain/assert.js';
import { UserError, WorldError } from '../../domain/errors.js';
import { guard } from './guard.js';
import { describeError } from './http-error.js';
import type { HttpConfig, StatusParts } from './ports.js';

const bodyBytesMax = 16 * 1024;

/** With /health and /metrics; listens nowhere yet. */
export function makeServer(host: string, parts: StatusParts): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    // An alert id is rule, machine and time, percent-encoded.
    routerOptions: { maxParamLength: 1000 },
    forceCloseConnections: true,
    requestTimeout: 30_000,
  });
  // Only JSON has a meaning here; a plain form of a foreign page must not even be read.
  app.removeContentTypeParser('text/plain');
  guard(app, host);
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = describeError(error);
    if (status === 500) console.error(error);
    if (error instanceof WorldError && error.retryAfterMs !== undefined)
      reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
    return reply.code(status).send(body);
  });
  app.get('/health', async (_request, reply) => {
    const report = await parts.health();
    return reply.code(report.status === 'down' ? 503 : 200).send(report);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await parts.metrics()),
  );
  return app;
}

/** Resolves with the address, such as `http://127.0.0.1:8080`. UserError: the port is taken or not allowed. */
export async function listen(app: FastifyInstance, { host, port }: HttpConfig): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const problem = {
      EADDRINUSE: `port ${port} on ${host} is already in use: stop the program that has it, or give the page another port (http.port in the configuration, 0 for a free one)`,
      EACCES: `port ${port} on ${host} is not allowed to this user: give the page a port above 1023 (http.port in the configuration)`,
      EADDRNOTAVAIL: `${host} is not an address of this machine: set http.host in the configuration to 127.0.0.1, or to 0.0.0.0 for all`,
      ENOTFOUND: `"${host}" is not the name of an address: set http.host in the configuration to 127.0.0.1, or to 0.0.0.0 for all`,
    }[String(code)];
    if (problem === undefined) throw cause;
    throw new UserError(problem, { cause });
  }
  const address = app.server.address();
  assert(address !== null && typeof address === 'object', 'a TCP address after listening');
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
