/** Toxiproxy: connections to services that a test may cut, hold up or slow down. */
import { Wait } from 'testcontainers';
import { eventually, firstOf, type Service, startContainer } from './service.js';

/** A stand-in is built under the same tag where it cannot be pulled. */
const toxiproxyImage = 'ghcr.io/shopify/toxiproxy:2.12.0';

/** Of one direction of a proxy: `downstream` is from the service to its client. */
export interface Toxic {
  readonly type: 'latency' | 'bandwidth' | 'timeout' | 'limit_data' | 'slicer';
  readonly stream: 'upstream' | 'downstream';
  readonly attributes: Readonly<Record<string, number>>;
}

export interface ProxiedPort {
  /** Of this computer. */
  readonly port: number;
  /** Ends all connections and takes no new ones until `heal`. */
  cut(): Promise<void>;
  poison(toxic: Toxic): Promise<void>;
  /** As at the beginning, whatever was done to it. */
  heal(): Promise<void>;
}

export interface Toxiproxy extends Service {
  /** A proxy on `port` before a port of this computer. */
  proxy(name: string, port: number, targetPort: number): Promise<ProxiedPort>;
}

export function startToxiproxy(): Promise<Toxiproxy | undefined> {
  return firstOf<Toxiproxy>('Toxiproxy', 'have Docker', [inContainer]);
}

async function inContainer(): Promise<Toxiproxy | undefined> {
  const apiOf = (port: number): string => `http://127.0.0.1:${port}`;
  const started = await startContainer({
    image: toxiproxyImage,
    // It reaches what listens here, and is reached at any port.
    port: 'of the host',
    make: (container, port) =>
      container
        .withCommand(['-host=127.0.0.1', `-port=${port}`])
        .withWaitStrategy(Wait.forLogMessage(/HTTP server/)),
    ready: (port) => eventually(() => call(apiOf(port), 'GET', '/version'), 60_000),
  });
  if (!started) return undefined;
  const api = apiOf(started.port);
  return {
    stop: started.stop,
    proxy: async (name, listenPort, targetPort) => {
      const path = `/proxies/${name}`;
      const listen = `127.0.0.1:${listenPort}`;
      const upstream = `127.0.0.1:${targetPort}`;
      await call(api, 'POST', '/proxies', { name, listen, upstream, enabled: true });
      return {
        port: listenPort,
        cut: () => call(api, 'POST', path, { enabled: false }),
        poison: (toxic) => call(api, 'POST', `${path}/toxics`, toxic),
        // All proxies are enabled, and all toxics removed, by /reset; this is for one of them.
        heal: async () => {
          const { toxics } = (await (await fetch(`${api}${path}`)).json()) as { toxics: { name: string }[] };
          for (const toxic of toxics) await call(api, 'DELETE', `${path}/toxics/${toxic.name}`);
          await call(api, 'POST', path, { enabled: true });
        },
      };
    },
  };
}

async function call(api: string, method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(`${api}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Toxiproxy: ${method} ${path}: ${response.status} ${text}`);
}
