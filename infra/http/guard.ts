/** What keeps other people's pages and runaway scripts away from the server. */
import type { FastifyInstance } from 'fastify';
import { type Clock, wallClock } from '../../domain/clock.js';
import { HttpError } from './http-error.js';
import { forecastPath } from './serving-api.js';

const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

const loopbackHosts = new Set(['localhost', '::1', '[::1]']);

export function isLoopback(host: string): boolean {
  return loopbackHosts.has(host) || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `127.0.0.1:8080` → `127.0.0.1`; `[::1]:8080` → `[::1]`. */
function hostName(header: string): string {
  return header.replace(/:\d+$/, '').toLowerCase();
}

/**
 * Adds security headers, the Host check (a loopback server answers to loopback names only, so that a foreign
 * page cannot reach it through a DNS name of its own), the Origin check on everything that changes something,
 * and a rate limit per address.
 */
export function guard(app: FastifyInstance, host: string): void {
  const reads = new RateLimit({ perSecond: 100, burst: 400 });
  const writes = new RateLimit({ perSecond: 5, burst: 20 });
  const forecasts = new RateLimit({ perSecond: 500, burst: 1000 });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    const requestHost = request.headers.host ?? '';
    if (
      isLoopback(host) &&
      !isLoopback(hostName(requestHost)) &&
      !hostName(requestHost).endsWith('.localhost')
    )
      throw new HttpError(
        421,
        'wrong-host',
        `this server answers to localhost only, not to "${requestHost}": open it by its own address`,
      );
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    const origin = request.headers.origin;
    if (changes && origin !== undefined && hostOf(origin) !== requestHost.toLowerCase())
      throw new HttpError(403, 'foreign-origin', `a page of "${origin}" may not change anything here`);
    const forecast = changes && request.url.split('?')[0] === forecastPath;
    if ((forecast ? forecasts : changes ? writes : reads).take(request.ip) === 'exceeded') {
      reply.header('retry-after', '1');
      throw new HttpError(429, 'too-many-requests', 'too many requests from this address: wait a second');
    }
  });
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}

/** Token buckets, one per key. At most 10,000 keys are remembered; then all start afresh. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(rate: { readonly perSecond: number; readonly burst: number }, clock: Clock = wallClock) {
    this.#perSecond = rate.perSecond;
    this.#burst = rate.burst;
    this.#clock = clock;
  }

  take(key: string): 'taken' | 'exceeded' {
    const nowMs = this.#clock.nowMs();
    if (this.#buckets.size >= 10_000) this.#buckets.clear();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, atMs: nowMs };
    const refilled = bucket.tokens + ((nowMs - bucket.atMs) / 1000) * this.#perSecond;
    bucket.tokens = Math.max(0, Math.min(this.#burst, refilled));
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return 'exceeded';
    bucket.tokens -= 1;
    return 'taken';
  }
}
