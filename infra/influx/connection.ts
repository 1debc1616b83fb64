/**
 * Requests to InfluxDB. Writes go out here, as bodies of line protocol; questions go through the library `influx`, whose
 * own writing takes milliseconds for nanoseconds, sends NaN, and gives up a host after one failure.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as plainRequest,
} from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { InfluxDB } from 'influx';
import { type Clock, wallClock } from '../../domain/clock.js';
import { WorldError } from '../../domain/errors.js';
import { readPem } from '../files/read-pem.js';
import { parseRetryAfterMs } from '../notify/http-post.js';
import type { InfluxConfig } from './config.js';

/** What became of a body that InfluxDB has judged; whatever else happens is a WorldError that may pass. */
export type WriteVerdict =
  | { readonly kind: 'stored' }
  | { readonly kind: 'too-large' }
  /** Some or all points are refused, the others are stored. */
  | {
      readonly kind: 'refused';
      readonly reason: string;
      /** As InfluxDB counts, which may be too few. */
      readonly droppedCount: number;
    };

/** Series of an answer: columns and rows, and the values of the tags that it was grouped by. */
export interface Series {
  readonly name?: string;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** `partial`: there is more than InfluxDB's max-row-limit lets it tell. */
type AnsweredSeries = Series & { readonly partial?: boolean };

interface QueryAnswer {
  readonly results: readonly {
    readonly series?: readonly (Omit<AnsweredSeries, 'values'> & Partial<AnsweredSeries>)[];
    readonly error?: string;
  }[];
}

export class InfluxConnection {
  /** For sentences: without user and password. */
  readonly address: string;
  readonly #config: InfluxConfig;
  readonly #url: URL;
  readonly #agent: PlainAgent;
  readonly #client: InfluxDB;
  readonly #clock: Clock;

  constructor(config: InfluxConfig, clock: Clock = wallClock) {
    this.#config = config;
    this.#clock = clock;
    this.#url = new URL(config.url);
    this.address = this.#url.origin;
    const tls = this.#url.protocol === 'https:';
    const ca = config.caFile === undefined ? {} : { ca: readPem(config.caFile, 'store.caFile') };
    const options = { keepAlive: true, maxSockets: config.connections, ...ca };
    this.#agent = tls ? new TlsAgent(options) : new PlainAgent(options);
    this.#client = new InfluxDB({
      host: this.#url.hostname,
      port: Number(this.#url.port) || (tls ? 443 : 80),
      protocol: tls ? 'https' : 'http',
      path: this.#url.pathname.replace(/\/$/, ''),
      database: config.database,
      options: { agent: this.#agent },
      ...credentials(config),
      pool: { requestTimeout: config.timeoutMs, maxRetries: 0, backoff: neverDisabled },
    });
  }

  /** `body` as it goes over the wire. Rejects with WorldError, retryable. */
  async write(body: Uint8Array, encoding: 'gzip' | 'none'): Promise<WriteVerdict> {
    const { database, retentionPolicy } = this.#config;
    const path = `/write?db=${encodeURIComponent(database)}&rp=${encodeURIComponent(retentionPolicy)}&precision=ns`;
    const headers = {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': String(body.length),
      ...(encoding === 'gzip' ? { 'Content-Encoding': 'gzip' } : {}),
    };
    const { status, text, retryAfter } = await this.#request('POST', path, headers, body);
    if (status >= 200 && status < 300) return { kind: 'stored' };
    if (status === 413) return { kind: 'too-large' };
    const reason = reasonIn(text);
    // A verdict on the points is InfluxDB's own; a proxy that answers 400 has not looked at them.
    if ((status === 400 || status === 422) && reason !== undefined)
      return { kind: 'refused', reason, droppedCount: Number(/dropped=(\d+)/.exec(reason)?.[1] ?? 0) };
    throw this.#refusal(status, reason ?? text.slice(0, 200), retryAfter);
  }

  /** The series that a SELECT gives; none where nothing has been written yet. Rejects with WorldError. */
  async query(statement: string): Promise<readonly Series[]> {
    const { retentionPolicy, database } = this.#config;
    const { series, error } = await this.#ask(statement, { database, retentionPolicy });
    if (/^(database|retention policy) not found/.test(error ?? '')) return [];
    if (error !== undefined) throw this.#rejected(error);
    if (series.some(({ partial }) => partial))
      throw new WorldError(
        'too-large',
        `InfluxDB at ${this.address} cut an answer short: raise max-row-limit in its configuration, or set it to 0`,
        { retryable: false },
      );
    return series;
  }

  /** What a statement about databases, policies or the server itself gives. Rejects with WorldError. */
  async schema(statement: string): Promise<readonly Series[]> {
    const { series, error } = await this.#ask(statement, {});
    if (error !== undefined) throw this.#rejected(error);
    return series;
  }

  /** Version, and how far the server's clock is ahead of ours (to a second, as HTTP tells it). */
  async ping(): Promise<{ readonly version: string; readonly clockAheadMs: number | undefined }> {
    const { status, headers, text } = await this.#request('GET', '/ping', {}, undefined);
    if (status >= 300) throw this.#refusal(status, text.slice(0, 200), undefined);
    const dateMs = Date.parse(headers.date ?? '');
    return {
      version: String(headers['x-influxdb-version'] ?? 'unknown'),
      clockAheadMs: Number.isNaN(dateMs) ? undefined : dateMs - this.#clock.nowMs(),
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(
    statement: string,
    where: { readonly database?: string; readonly retentionPolicy?: string },
  ): Promise<{ readonly series: readonly AnsweredSeries[]; readonly error: string | undefined }> {
    const signal = AbortSignal.timeout(this.#config.timeoutMs);
    let answer: QueryAnswer;
    try {
      answer = (await Promise.race([
        this.#client.queryRaw(statement, { precision: 'ms', method: 'POST', signal, ...where }),
        // The library waits for ever for an answer that breaks off in the middle.
        rejectedBy(signal),
      ])) as QueryAnswer;
    } catch (error) {
      throw signal.aborted ? this.#unanswered(signal.reason as Error) : queryError(error, this.address);
    }
    const [result] = answer.results;
    // Where there are no rows InfluxDB leaves them out.
    const series = (result?.series ?? []).map((one) => ({ ...one, values: one.values ?? [] }));
    return { series, error: result?.error };
  }

  #rejected(reason: string): WorldError {
    return new WorldError('rejected', `InfluxDB at ${this.address}: ${reason}`, { retryable: false });
  }

  #request(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | undefined,
  ): Promise<{
    readonly status: number;
    readonly text: string;
    readonly headers: IncomingMessage['headers'];
    readonly retryAfter: string | undefined;
  }> {
    const { timeoutMs } = this.#config;
    const { username, password } = credentials(this.#config);
    return new Promise((resolve, reject) => {
      const fail = (cause: Error) => reject(this.#unanswered(cause));
      const send = this.#url.protocol === 'https:' ? tlsRequest : plainRequest;
      const request: ClientRequest = send(
        new URL(this.#url.pathname.replace(/\/$/, '') + path, this.#url),
        {
          method,
          headers,
          agent: this.#agent,
          signal: AbortSignal.timeout(timeoutMs),
          ...(username === undefined ? {} : { auth: `${username}:${password}` }),
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            if (text.length < 10_000) text += chunk;
          });
          response.once('error', fail);
          response.once('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              text,
              headers: response.headers,
              retryAfter: response.headers['retry-after'],
            }),
          );
        },
      );
      request.once('error', fail);
      request.end(body);
    });
  }

  #unanswered(cause: Error): WorldError {
    return cause.name === 'AbortError' || cause.name === 'TimeoutError'
      ? new WorldError(
          'timeout',
          `InfluxDB at ${this.address} did not answer in ${this.#config.timeoutMs} ms`,
          {
            retryable: true,
            cause,
          },
        )
      : unreachable(this.address, cause);
  }

  #refusal(status: number, reason: string, retryAfter: string | undefined): WorldError {
    const retryAfterMs = parseRetryAfterMs(retryAfter ?? null, this.#clock.nowMs());
    const code =
      status === 401 || status === 403
        ? 'unauthorized'
        : status === 429
          ? 'throttled'
          : status >= 500
            ? 'unreachable'
            : 'rejected';
    return new WorldError(code, `InfluxDB at ${this.address} answered ${status}: ${reason}`, {
      retryable: true,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}

/** Both or neither: the library sends no password without a user name. */
function credentials({ username, password }: InfluxConfig): { username?: string; password?: string } {
  return username === undefined && password === undefined
    ? {}
    : { username: username ?? '', password: password?.reveal() ?? '' };
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** The library's own way is to refuse every request for seconds after one that failed. */
const neverDisabled = {
  getDelay: () => 0,
  next: () => neverDisabled,
  reset: () => neverDisabled,
};

/** InfluxDB 1.x says `error`, 2.x and 3 say `message`. */
function reasonIn(text: string): string | undefined {
  try {
    const answer = JSON.parse(text) as { readonly error?: unknown; readonly message?: unknown };
    const reason = answer.error ?? answer.message;
    return typeof reason === 'string' ? reason : undefined;
  } catch {
    return undefined; // not InfluxDB's way of saying anything
  }
}

function queryError(error: unknown, address: string): WorldError {
  if (!(error instanceof Error)) return unreachable(address, new Error(String(error)));
  const { res } = error as { readonly res?: { readonly statusCode?: number } };
  const status = res?.statusCode;
  if (status === undefined) return unreachable(address, error);
  const code = status === 401 || status === 403 ? 'unauthorized' : 'rejected';
  return new WorldError(code, `InfluxDB at ${address} answered ${status}: ${error.message}`, {
    retryable: false,
    cause: error,
  });
}

function unreachable(address: string, cause: Error): WorldError {
  return new WorldError(
    'unreachable',
    `InfluxDB at ${address} cannot be reached (${cause.message || cause.name})`,
    {
      retryable: true,
      cause,
    },
  );
}
