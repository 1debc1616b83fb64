/**
 * Topic `notifications` → one receiver. Each notifier is a consumer group of its own (`notifyGroup`): a dead receiver
 * holds up nobody but itself, and its place in the log is its queue, unbounded and durable. Within it, notifications go
 * out one after the other.
 *
 * At least once: a notification counts as delivered when its checkpoint is durable. With `batchRecordsMax: 1` a crash
 * can repeat only the one whose answer had not been recorded; receivers know it by its dedupe key. One that is
 * refused, or could not be delivered for `giveUpAfterMs`, is written to the notification log and counted.
 *
 * State entries, the notification log: `u|NUMBER` one that was not delivered (the newest 1,000), `counts` what
 * happened so far.
 */
import { Buffer } from 'node:buffer';
import type { WorldError } from '../domain/errors.js';
import type { Batch, Checkpoint, PartitionHandler, StateEntry } from '../domain/log.js';
import type { NotificationRecord } from '../domain/notification.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { type Delivery, type DeliveryWorld, deliver } from './delivery.js';
import type { RetryConfig } from './notifier-config.js';
import type { Notifier } from './ports.js';

/** What happened to a notification at a receiver. */
export type NotifyOutcome = 'delivered' | 'refused' | 'gave-up' | 'retrying';

export interface NotifyStageOptions {
  readonly notifier: Notifier;
  readonly retry: RetryConfig;
  readonly world: DeliveryWorld;
  /** Aborted when the process stops: the delivery under way is left, and what was done is checkpointed. */
  readonly signal: AbortSignal;
  /** Sees every outcome: for metrics and logs. */
  readonly onOutcome?: (outcome: NotifyOutcome, notification: NotificationRecord, error?: WorldError) => void;
}

/** Consumer group of a notifier. */
export function notifyGroup(notifierName: string): string {
  return `notify-${notifierName}`;
}

export function makeNotifyStage(options: NotifyStageOptions): () => PartitionHandler {
  return () => new NotifyHandler(options);
}

/** Value of `u|NUMBER`. */
export interface Undelivered {
  readonly notifier: string;
  readonly dedupeKey: string;
  readonly summary: string;
  readonly why: 'refused' | 'gave-up';
  readonly error: string;
  readonly attempts: number;
  /** Wall-clock time. */
  readonly recordedMs: number;
}

/** Value of `counts`. */
export interface NotifyCounts {
  readonly delivered: number;
  readonly undelivered: number;
}

const undeliveredMax = 1000;
/** Those for other receivers are passed by; a checkpoint after so many lets the log forget them. */
const passedMax = 1000;

class NotifyHandler implements PartitionHandler {
  readonly #options: NotifyStageOptions;
  readonly #changes = new Map<string, Buffer | null>();
  #delivered = 0;
  #undelivered = 0;
  #passed = 0;

  constructor(options: NotifyStageOptions) {
    this.#options = options;
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    for (const { key, value } of state) {
      if (key !== 'counts') continue;
      const counts = JSON.parse(value.toString('utf8')) as NotifyCounts;
      this.#delivered = counts.delivered;
      this.#undelivered = counts.undelivered;
    }
  }

  async process({ records }: Batch): Promise<Checkpoint | null> {
    let nextOffset: number | null = null;
    for (const record of records) {
      const notification = decodeRecord(topics.notifications, record);
      if (notification.notifier !== this.#options.notifier.name) this.#passed++;
      else if ((await this.#handle(notification)) === 'stopped') break;
      nextOffset = record.offset + 1;
    }
    if (nextOffset === null || (this.#changes.size === 0 && this.#passed < passedMax)) return null;
    return this.#checkpoint(nextOffset);
  }

  close(): void {
    this.#changes.clear();
  }

  async #handle(notification: NotificationRecord): Promise<'handled' | 'stopped'> {
    const { notifier, retry, world, signal, onOutcome = () => {} } = this.#options;
    const delivery = await deliver(
      { notifier, retry, world, signal, onRetry: (error) => onOutcome('retrying', notification, error) },
      notification,
    );
    if (delivery.kind === 'stopped') return 'stopped';
    if (delivery.kind === 'delivered') {
      this.#delivered++;
      onOutcome('delivered', notification);
    } else {
      this.#recordUndelivered(notification, delivery);
      onOutcome(delivery.why, notification, delivery.error);
    }
    this.#put('counts', { delivered: this.#delivered, undelivered: this.#undelivered });
    return 'handled';
  }

  #recordUndelivered(
    notification: NotificationRecord,
    delivery: Extract<Delivery, { kind: 'undelivered' }>,
  ): void {
    const entry: Undelivered = {
      notifier: this.#options.notifier.name,
      dedupeKey: notification.dedupeKey,
      summary: notification.summary,
      why: delivery.why,
      error: delivery.error.message,
      attempts: delivery.attempts,
      recordedMs: this.#options.world.clock.nowMs(),
    };
    this.#put(`u|${this.#undelivered}`, entry);
    if (this.#undelivered >= undeliveredMax)
      this.#changes.set(`u|${this.#undelivered - undeliveredMax}`, null);
    this.#undelivered++;
  }

  #put(key: string, value: Undelivered | NotifyCounts): void {
    this.#changes.set(key, Buffer.from(JSON.stringify(value)));
  }

  #checkpoint(nextOffset: number): Checkpoint {
    const state: StateEntry[] = [...this.#changes].map(([key, value]) => ({ key, value }));
    this.#changes.clear();
    this.#passed = 0;
    return { nextOffset, outputs: [], state };
  }
}
