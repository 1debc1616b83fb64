import type { AlertRecord } from '../domain/alert.js';
import type { NotificationRecord } from '../domain/notification.js';
import type { Labels } from './labels.js';

/** A receiver of alerts. */
export interface Notifier {
  readonly name: string;
  /**
   * Resolves when the receiver has answered that it has the notification; sending the same one again must be
   * harmless to it (`dedupeKey`). Rejects with WorldError; `retryable` says whether to try again, and
   * `retryAfterMs` when at the earliest. Stops early when `signal` aborts.
   */
  send(notification: NotificationRecord, signal: AbortSignal): Promise<void>;
  /** Ends what it holds open, when nothing is sent any more. */
  close?(): Promise<void>;
}

/** What a receiver of what stands is told of one alert. */
export interface StandingAlert {
  /** By these the receiver knows it: two with the same ones are the same to it. */
  readonly labels: Labels;
  /** Newest transition. */
  readonly alert: AlertRecord;
  /** Wall-clock time at which it was found to be over; null: it stands. */
  readonly endedMs: number | null;
}

/**
 * A receiver that takes for over what it is not told again, and after a restart knows of nothing, as Alertmanager: it is
 * told at once what has changed, and all that stands every `resendMs`.
 */
export interface StandingNotifier {
  readonly name: string;
  readonly resendMs: number;
  /** As `send` of a Notifier. */
  tell(alerts: readonly StandingAlert[], signal: AbortSignal): Promise<void>;
}
