import type { NotificationRecord } from '../domain/notification.js';

/** A receiver of alerts. */
export interface Notifier {
  readonly name: string;
  /**
   * Resolves when the receiver has answered that it has the notification; sending the same one again must be
   * harmless to it (`dedupeKey`). Rejects with WorldError; `retryable` says whether to try again, and
   * `retryAfterMs` when at the earliest. Stops early when `signal` aborts.
   */
  send(notification: NotificationRecord, signal: AbortSignal): Promise<void>;
}
