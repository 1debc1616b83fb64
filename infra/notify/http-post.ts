/**
 * A receiver that takes HTTP POSTs of JSON: any 2xx is the answer that it has arrived. A redirect is not followed: an alert
 * goes where the configuration says, or it is refused and the sentence names the address.
 */
import type { Buffer } from 'node:buffer';
import type { Clock } from '../../domain/clock.js';
import { WorldError, type WorldErrorCode } from '../../domain/errors.js';
import type { Secret } from '../../domain/secret.js';

export interface HttpReceiver {
  readonly name: string;
  readonly url: string;
  /** For messages: `url` without what may be a secret. */
  readonly address: string;
  /** Further headers; those of the configuration win. */
  readonly headers: Readonly<Record<string, Secret>>;
  readonly timeoutMs: number;
}

export class HttpPost {
  readonly #receiver: HttpReceiver;
  readonly #clock: Clock;

  constructor(receiver: HttpReceiver, clock: Clock) {
    this.#receiver = receiver;
    this.#clock = clock;
  }

  /** Rejects with WorldError. */
  async send(body: Buffer, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const { name, url, address, timeoutMs } = this.#receiver;
    const timeout = AbortSignal.timeout(timeoutMs);
    let response: Response;
    let answer: string;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, ...this.#headers() },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([signal, timeout]),
      });
      answer = await firstCharacters(response, 200);
    } catch (cause) {
      throw this.#unanswered(cause, signal, timeout);
    }
    if (response.ok) return;
    const retryAfterMs = parseRetryAfterMs(response.headers.get('retry-after'), this.#clock.nowMs());
    const { code, retryable } = classifyStatus(response.status);
    throw new WorldError(
      code,
      `notifier "${name}": ${address} answered ${response.status}${answer === '' ? '' : `: ${answer}`}`,
      { retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    );
  }

  #headers(): Record<string, string> {
    const own: Record<string, string> = { 'Content-Type': 'application/json', 'User-Agent': 'millwright' };
    for (const [name, value] of Object.entries(this.#receiver.headers)) own[name] = value.reveal();
    return own;
  }

  #unanswered(cause: unknown, signal: AbortSignal, timeout: AbortSignal): WorldError {
    const { name, address, timeoutMs } = this.#receiver;
    const [code, what]: [WorldErrorCode, string] = signal.aborted
      ? ['closed', 'was left while millwright stops']
      : timeout.aborted
        ? ['timeout', `did not answer within ${timeoutMs} ms`]
        : ['unreachable', `cannot be reached (${innermostMessage(cause)})`];
    return new WorldError(code, `notifier "${name}": ${address} ${what}`, { retryable: true, cause });
  }
}

/** 408, 429 and 5xx may pass; every other refusal will be the same next time. */
function classifyStatus(status: number): { readonly code: WorldErrorCode; readonly retryable: boolean } {
  if (status === 429) return { code: 'throttled', retryable: true };
  if (status === 408) return { code: 'timeout', retryable: true };
  if (status >= 500) return { code: 'unreachable', retryable: true };
  if (status === 401 || status === 403) return { code: 'unauthorized', retryable: false };
  if (status === 413) return { code: 'too-large', retryable: false };
  return { code: 'rejected', retryable: false };
}

/** Retry-After is a number of seconds or an HTTP date (RFC 9110 §10.2.3); anything else is as if it were not there. */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

/** Reads no further than it must: an error page may be long. */
async function firstCharacters(response: Response, count: number): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= count) break;
  }
  return text.slice(0, count).replace(/\s+/g, ' ').trim();
}

/** `fetch failed` says nothing; its cause does. */
function innermostMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return innermostMessage(error.cause);
  return error.message || String((error as { code?: unknown }).code ?? error.name);
}
