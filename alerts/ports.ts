import type { AlertRecord } from '../domain/alert.js';

/** A receiver of alerts. */
export interface Notifier {
  readonly name: string;
  /**
   * Resolves when the receiver has answered that it has the transition; sending the same one again must be
   * harmless to it (`alert.dedupeKey`). Rejects with WorldError; `retryable` says whether to try again, and
   * `retryAfterMs` when at the earliest. Stops early when `signal` aborts.
   */
  send(alert: AlertRecord, signal: AbortSignal): Promise<void>;
}
