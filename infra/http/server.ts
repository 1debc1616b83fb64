/** The page and its API over HTTP/1.1. No authentication: it listens on loopback unless told otherwise. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { addApi } from './api.js';
import { type Asset, loadAssets } from './assets.js';
import { defaultEventHubLimits, EventHub, type EventHubLimits } from './event-hub.js';
import { HttpError } from './http-error.js';
import { listen, makeServer } from './open-server.js';
import type { HttpServer, HttpServerParts } from './ports.js';
import { addServing } from './serving-api.js';
import { addSilences } from './silences-api.js';

/** Listens, then resolves. UserError: the port is taken or not allowed, or the page has not been built. */
export async function startHttpServer(
  parts: HttpServerParts,
  limits: EventHubLimits = defaultEventHubLimits,
): Promise<HttpServer> {
  const assets = loadAssets();
  const app = makeServer(parts.host, parts);
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
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    if (/^\/(api|v1)\//.test(path) || (request.method !== 'GET' && request.method !== 'HEAD'))
      throw new HttpError(404, 'not-found', `there is nothing at ${request.method} ${path}`);
    // Paths without a file are views of the page: it routes them itself.
    const asset = assets.get(path) ?? (path.includes('.') ? undefined : assets.get('/index.html'));
    if (!asset) throw new HttpError(404, 'not-found', `there is nothing at ${path}`);
    return sendAsset(asset, request.headers, reply);
  });

  const url = await listen(app, parts).catch((error: unknown) => {
    hub.close();
    throw error;
  });
  let closing: Promise<void> | undefined;
  return {
    url,
    close: () => {
      closing ??= (async () => {
        hub.close();
        await app.close();
      })();
      return closing;
    },
  };
}

function sendAsset(asset: Asset, headers: FastifyRequest['headers'], reply: FastifyReply): FastifyReply {
  reply.headers({ etag: asset.etag, 'cache-control': 'no-cache', vary: 'accept-encoding' });
  if (headers['if-none-match'] === asset.etag) return reply.code(304).send();
  reply.code(200).type(asset.contentType);
  if (!/\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))) return reply.send(asset.body);
  return reply.header('content-encoding', 'gzip').send(asset.gzipped);
}
