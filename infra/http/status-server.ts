/** Health and metrics of a process that has no page: for supervisors and Prometheus. */
import { listen, makeServer } from './open-server.js';
import type { HttpConfig, HttpServer, StatusParts } from './ports.js';

/** Listens, then resolves. UserError: the port is taken or not allowed. */
export async function startStatusServer(config: HttpConfig, parts: StatusParts): Promise<HttpServer> {
  const app = makeServer(config.host, parts);
  const url = await listen(app, config);
  return { url, close: () => app.close() };
}
