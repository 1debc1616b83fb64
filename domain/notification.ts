/** A record of the topic `notifications`: what one receiver is to be told at once. */
import type { AlertRecord } from './alert.js';

export interface NotificationRecord {
  readonly kind: 'notification';
  /** Name of the notifier. */
  readonly notifier: string;
  /** The same notification after a restart has the same key; receivers dedupe on it. */
  readonly dedupeKey: string;
  /** What the alerts of the group have in common, by label; null: one transition, told on its own. */
  readonly group: Readonly<Record<string, string>> | null;
  /** 'repeated': nothing has changed since the last time. */
  readonly reason: 'changed' | 'repeated';
  /** Plant time. */
  readonly timeMs: number;
  /** Newest transition of each: what has changed first, then what else of the group is open. */
  readonly alerts: readonly AlertRecord[];
  /** How many of `alerts`, from the first on, have changed. */
  readonly changed: number;
  /** Alerts of the group that did not fit in. */
  readonly omitted: number;
  /** A sentence. */
  readonly summary: string;
}
