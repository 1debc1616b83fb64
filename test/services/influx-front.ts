/** Stands in front of a real InfluxDB and answers writes as a test wants: as a proxy, an overloaded server or a bad network. */
import type { Buffer } from 'node:buffer';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readBody } from './http-body.js';

export type Manner =
  | 'pass'
  /** The connection ends before InfluxDB hears of it. */
  | 'cut'
  /** InfluxDB hears of it and answers, but the answer never comes. */
  | 'lose-answer'
  /** An answer of our own; InfluxDB never hears of it. */
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> };

export class InfluxFront {
  /** How requests are treated from now on: writes, or `all`. */
  writes: Manner = 'pass';
  all: Manner = 'pass';
  /** Longer bodies get a 413, as from InfluxDB's own max-body-size. */
  bodyBytesMax = Infinity;
  /** When each write arrived, by performance.now(). */
  readonly writtenAtMs: number[] = [];
  readonly #server: Server;
  readonly #target: URL;

  static async start(target: string): Promise<InfluxFront> {
    const front = new InfluxFront(target);
    await new Promise<void>((resolve) => front.#server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, answer) => void this.#handle(incoming, answer));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await readBody(incoming);
    if (!body) return;
    const isWrite = incoming.url?.startsWith('/write') === true;
    if (isWrite) this.writtenAtMs.push(performance.now());
    const manner = isWrite && this.all === 'pass' ? this.writes : this.all;
    if (body.length > this.bodyBytesMax) answer.writeHead(413).end('{"error":"Request Entity Too Large"}');
    else if (manner === 'cut') incoming.socket.destroy();
    else if (typeof manner === 'object') answer.writeHead(manner.status, manner.headers).end(manner.body);
    else this.#forward(incoming, body, manner === 'pass' ? answer : null);
  }

  #forward(incoming: IncomingMessage, body: Buffer, answer: ServerResponse | null): void {
    const { method, headers } = incoming;
    const outgoing = request(new URL(incoming.url ?? '/', this.#target), { method, headers }, (response) => {
      if (answer) response.pipe(answer.writeHead(response.statusCode ?? 502, response.headers));
      else response.resume();
    });
    outgoing.once('error', () => incoming.socket.destroy());
    outgoing.end(body);
  }
}
