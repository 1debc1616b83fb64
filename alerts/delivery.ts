/** One notification to one receiver: tries until it is answered, refused for good, too old, or told to stop. */
import type { Clock } from '../domain/clock.js';
import { WorldError } from '../domain/errors.js';
import type { NotificationRecord } from '../domain/notification.js';
import type { Rng } from '../domain/rng.js';
import type { RetryConfig } from './notifier-config.js';
import type { Notifier } from './ports.js';

/** What delivery needs of the world; injected, so that tests wait for nothing. */
export interface DeliveryWorld {
  readonly clock: Clock;
  readonly rng: Rng;
  /** Resolves after `delayMs`; rejects when `signal` aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

export type Delivery =
  | { readonly kind: 'delivered'; readonly attempts: number }
  /** `refused`: the receiver will never take it. `gave-up`: it could not be reached for too long. */
  | {
      readonly kind: 'undelivered';
      readonly why: 'refused' | 'gave-up';
      readonly attempts: number;
      readonly error: WorldError;
    }
  | { readonly kind: 'stopped' };

export interface DeliveryOptions {
  readonly notifier: Notifier;
  readonly retry: RetryConfig;
  readonly world: DeliveryWorld;
  readonly signal: AbortSignal;
  /** Sees every failed attempt that will be followed by another. */
  readonly onRetry: (error: WorldError) => void;
}

/**
 * The time after which it gives up counts from the first attempt of this call. Waits double from `firstDelayMs` to
 * `maxDelayMs`, each shortened by up to half at random; a receiver's Retry-After is a lower bound. One last
 * attempt is made at the end of the time. Rejects with what a notifier throws that is not a WorldError.
 */
export async function deliver(options: DeliveryOptions, notification: NotificationRecord): Promise<Delivery> {
  const { notifier, retry, world, signal } = options;
  const beganMs = world.clock.nowMs();
  for (let attempts = 1; ; attempts++) {
    if (signal.aborted) return { kind: 'stopped' };
    try {
      await notifier.send(notification, signal);
      return { kind: 'delivered', attempts };
    } catch (error) {
      if (signal.aborted) return { kind: 'stopped' };
      if (!(error instanceof WorldError)) throw error;
      if (!error.retryable) return { kind: 'undelivered', why: 'refused', attempts, error };
      const leftMs = retry.giveUpAfterMs - (world.clock.nowMs() - beganMs);
      if (leftMs <= 0) return { kind: 'undelivered', why: 'gave-up', attempts, error };
      const delayMs = Math.min(
        leftMs,
        Math.max(error.retryAfterMs ?? 0, backoffMs(retry, attempts, world.rng)),
      );
      options.onRetry(error);
      try {
        await world.sleep(delayMs, signal);
      } catch (interruption) {
        if (!signal.aborted) throw interruption;
        return { kind: 'stopped' };
      }
    }
  }
}

/** Doubling, bounded, with the upper half left to chance ("equal jitter"), so that receivers are not hit in step. */
function backoffMs(retry: RetryConfig, attempts: number, rng: Rng): number {
  const fullMs = Math.min(retry.maxDelayMs, retry.firstDelayMs * 2 ** (attempts - 1));
  return Math.ceil(fullMs * (0.5 + 0.5 * rng.uniform()));
}
