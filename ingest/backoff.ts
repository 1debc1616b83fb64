/** Waiting between attempts against a log that is away. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const firstMs = 50;
const longestMs = 5000;

/**
 * Sleeps before attempt `attempt` (1: the first repetition): 50 ms, doubling up to 5 s, less up to half of it at
 * random, so that processes that lost the same log do not return together; at least `atLeastMs`. Rejects when
 * the signal aborts.
 */
export async function backOff(attempt: number, atLeastMs: number, signal: AbortSignal): Promise<void> {
  const ceilingMs = Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 20));
  await sleep(Math.max(atLeastMs, ceilingMs - randomInt(Math.ceil(ceilingMs / 2))), undefined, { signal });
}
