/** The page and its API over HTTP/1.1. No authentication: it listens on loopback unless told otherwise. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { assert } from '../../domain/assert.js';
import { UserError, WorldError } from '../../domain/errors.js';
import { addApi } from './api.js';
import { type Asset, loadAssets } from './assets.js';
import { defaultEventHubLimits, EventHub, type EventHubLimits } from './event-hub.js';
import { guard } from './guard.js';
import { describeError, HttpError } from './http-error.js';
import type { HttpServer, HttpServerParts } from './ports.js';
import { addServing } from './serving-api.js';
import { addSilences } from './silences-api.js';

const bodyBytesMax = 16 * 1024;

/** Listens, then resolves. UserError: the port is taken or not allowed, or the page has not been built. */
export async function startHttpServer(
  parts: HttpServerParts,
  limits: EventHubLimits = defaultEventHubLimits,
): Promise<HttpServer> {
  const assets = loadAssets();
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
  guard(app, parts.host);
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = describeError(error);
    if (status === 500) console.error(error);
    if (error instanceof WorldError && error.retryAfterMs !== undefined)
      reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
    return reply.code(status).send(body);
  });
  addApi(app, parts);
  if (parts.silences) addSilences(app, parts, parts.silences);
  if (parts.serving) addServing(app, parts.serving);

  const hub = new EventHub(parts.live, parts.clock, parts.types, limits);
  app.get('/api/v1/events', async (request, reply) => {
    const query = request.query as Readonly<Record<string, unknown>>;
    const lastId = request.headers['last-event-id'] ?? query['last-event-id'] ?? '';
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value);
    if (hub.add(reply.raw, String(lastId)) === 'full')
      throw new HttpError(503, 'too-many-streams', 'too many pages are open: close some');
    reply.hijack();
  });
  app.get('/health', async (_request, reply) => {
    const report = await parts.health();
    return reply.code(report.status === 'down' ? 503 : 200).send(report);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await parts.metrics()),
  );
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    if (/^\/(api|v1)\//.test(path) || (request.method !== 'GET' && request.method !== 'HEAD'))
      throw new HttpError(404, 'not-found', `there is nothing at ${request.method} ${path}`);
    // Paths without a file are views of the page: it routes them itself.
    const asset = assets.get(path) ?? (path.includes('.') ? undefined : assets.get('/index.html'));
    if (!asset) throw new HttpError(404, 'not-found', `there is nothing at ${path}`);
    return sendAsset(asset, request.headers, reply);
  });

  try {
    await listen(app, parts);
  } catch (error) {
    hub.close();
    throw error;
  }
  const address = app.server.address();
  assert(address !== null && typeof address === 'object', 'a TCP address after listening');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${host}:${address.port}`,
    close: () => {
      closing ??= (async () => {
        hub.close();
        await app.close();
      })();
      return closing;
    },
  };
}

async function listen(app: FastifyInstance, { host, port }: HttpServerParts): Promise<void> {
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
}

function sendAsset(asset: Asset, headers: FastifyRequest['headers'], reply: FastifyReply): FastifyReply {
  reply.headers({ etag: asset.etag, 'cache-control': 'no-cache', vary: 'accept-encoding' });
  if (headers['if-none-match'] === asset.etag) return reply.code(304).send();
  reply.code(200).type(asset.contentType);
  if (!/\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))) return reply.send(asset.body);
  return reply.header('content-encoding', 'gzip').send(asset.gzipped);
}
