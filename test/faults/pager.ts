/** The receiver of alerts: knows how often it has been told of each transition. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readBody } from '../services/http-body.js';

export class Pager {
  /** Times that a transition was taken, by its dedupe key. */
  readonly told = new Map<string, number>();
  /** 'lose-answer': it takes what it is told, and the answer never comes. */
  manner: 'take' | 'refuse' | 'lose-answer' = 'take';
  readonly #server: Server;

  static async start(): Promise<Pager> {
    const pager = new Pager();
    pager.#server.listen(0, '127.0.0.1');
    await once(pager.#server, 'listening');
    return pager;
  }

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const key = decodeURI(String(request.headers['idempotency-key']));
      if (!(await readBody(request))) return;
      if (this.manner === 'refuse') {
        response.writeHead(503).end();
        return;
      }
      this.told.set(key, (this.told.get(key) ?? 0) + 1);
      if (this.manner === 'lose-answer') request.socket.destroy();
      else response.writeHead(204).end();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
