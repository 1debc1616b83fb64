/**
 * Topic `alerts` → one receiver. Each notifier is a consumer group of its own (`notifyGroup`): a dead receiver holds
 * up nobody but itself, and its place in the log is its queue, unbounded and durable. Within it, transitions go out
 * one after the other, so in order per alert.
 *
 * At least once: a transition counts as told when its checkpoint is durable. With `batchRecordsMax: 1` a crash can
 * repeat only the one whose answer had not been recorded; receivers know it by its dedupe key. A transition that
 * is refused, or could not be delivered for `giveUpAfterMs`, is written to the notification log and counted.
 *
 * A receiver that is new is told the alerts that are open when it joins, at their present state, in one checkpoint;
 * see `AlertsBefore`. A crash in between can repeat those.
 *
 * State entries, the notification log: `a|ALERT_ID` the newest transition of an alert that was handled and whether
 * it is over (the newest 10,000 that are over are kept), `u|NUMBER` one that was not delivered (the newest 1,000),
 * `counts` what happened so far, `before` where the receiver joined, until it has been told what was open then.
 */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../domain/alert.js';
import type { WorldError } from '../domain/errors.js';
import type { Batch, Checkpoint, PartitionHandler, PartitionId, StateEntry } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { AlertsBefore, type PastOffsets } from './alerts-before.js';
import type { AlertsConfig } from './config.js';
import { type Delivery, type DeliveryWorld, deliver } from './delivery.js';
import type { RetryConfig } from './notifier-config.js';
import type { Notifier } from './ports.js';
import { decideRoute, decideRouteOfOpen, makeRouting, type RouteDecision, type Routing } from './route.js';

/** What happened to a transition at a receiver; `repeated`: its dedupe key had been handled before. */
export type NotifyOutcome =
  | 'delivered'
  | 'refused'
  | 'gave-up'
  | 'retrying'
  | 'repeated'
  | 'not-routed'
  | 'below-severity'
  | 'transition-not-listed';

export interface NotifyStageOptions {
  readonly notifier: Notifier;
  readonly retry: RetryConfig;
  readonly config: AlertsConfig;
  readonly world: DeliveryWorld;
  /** Aborted when the process stops: the delivery under way is left, and what was done is checkpointed. */
  readonly signal: AbortSignal;
  /** Sees every outcome: for metrics and logs. */
  readonly onOutcome?: (outcome: NotifyOutcome, alert: AlertRecord, error?: WorldError) => void;
}

/** Consumer group of a notifier. */
export function notifyGroup(notifierName: string): string {
  return `notify-${notifierName}`;
}

export function makeNotifyStage(options: NotifyStageOptions): (partition: PartitionId) => PartitionHandler {
  const routing = makeRouting(options.config, options.notifier.name);
  return () => new NotifyHandler(options, routing);
}

/** Value of `a|ALERT_ID`. */
interface Told {
  /** Transitions up to this sequence have been handled. */
  readonly sequence: number;
  /** Number of the handled transition that ended the alert; null while it is open. */
  readonly endedAt: number | null;
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

const endedMax = 10_000;
const undeliveredMax = 1000;

class NotifyHandler implements PartitionHandler {
  readonly #options: NotifyStageOptions;
  readonly #routing: Routing;
  readonly #told = new Map<string, Told>();
  /** Ids of ended alerts, the one that ended first in front. */
  readonly #ended = new Set<string>();
  readonly #changes = new Map<string, Buffer | null>();
  /** Number of the next end. */
  #endCount = 0;
  #delivered = 0;
  #undelivered = 0;
  /** Until the receiver has been told what was open when it joined. */
  #before: AlertsBefore | undefined;

  constructor(options: NotifyStageOptions, routing: Routing) {
    this.#options = options;
    this.#routing = routing;
  }

  join({ beginOffset, endOffset }: { beginOffset: number; endOffset: number }): Checkpoint {
    const before: PastOffsets = { fromOffset: beginOffset, untilOffset: endOffset };
    if (endOffset > beginOffset) this.#put('before', before);
    return this.#checkpoint(beginOffset);
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    for (const { key, value } of state) {
      const entry: unknown = JSON.parse(value.toString('utf8'));
      if (key === 'counts') {
        const counts = entry as NotifyCounts;
        this.#delivered = counts.delivered;
        this.#undelivered = counts.undelivered;
      } else if (key === 'before') this.#before = new AlertsBefore(entry as PastOffsets);
      else if (key.startsWith('a|')) this.#told.set(key.slice(2), entry as Told);
    }
    const ended = [...this.#told].filter(([, told]) => told.endedAt !== null);
    for (const [alertId, { endedAt }] of ended.sort(
      ([, a], [, b]) => Number(a.endedAt) - Number(b.endedAt),
    )) {
      this.#ended.add(alertId);
      this.#endCount = Number(endedAt) + 1;
    }
  }

  async process(batch: Batch): Promise<Checkpoint | null> {
    let nextOffset: number | null = null;
    for (const record of batch.records) {
      const alert = decodeRecord(topics.alerts, record);
      const { fromOffset, untilOffset } = this.#before?.offsets ?? { fromOffset: 0, untilOffset: 0 };
      if (record.offset < untilOffset) this.#before?.note(alert);
      if (record.offset + 1 < untilOffset) continue;
      if ((await this.#tellOpen()) === 'stopped') return this.#checkpoint(fromOffset);
      if (record.offset >= untilOffset && (await this.#handle(alert)) === 'stopped') break;
      nextOffset = record.offset + 1;
    }
    return nextOffset === null ? null : this.#checkpoint(nextOffset);
  }

  close(): void {
    this.#told.clear();
    this.#ended.clear();
    this.#changes.clear();
  }

  /** Those told already, before a stop, are not told again. */
  async #tellOpen(): Promise<'handled' | 'stopped'> {
    if (!this.#before) return 'handled';
    for (const alert of this.#before.open())
      if ((await this.#handle(alert, decideRouteOfOpen(this.#routing, alert))) === 'stopped')
        return 'stopped';
    this.#before = undefined;
    this.#changes.set('before', null);
    return 'handled';
  }

  /** `given`: the decision, where it is not the one for a transition that has just come. */
  async #handle(alert: AlertRecord, given?: RouteDecision): Promise<'handled' | 'stopped'> {
    const { notifier, retry, world, signal, onOutcome = () => {} } = this.#options;
    const told = this.#told.get(alert.alertId);
    if (told !== undefined && alert.sequence <= told.sequence) {
      onOutcome('repeated', alert);
      return 'handled';
    }
    const decision = given ?? decideRoute(this.#routing, alert, told !== undefined);
    if (decision !== 'tell') {
      onOutcome(decision, alert);
      // Out of scope needs no memory: it has not been told, nor will it be.
      if (told !== undefined || decision === 'transition-not-listed') this.#remember(alert);
      return 'handled';
    }
    const delivery = await deliver(
      {
        notifier,
        retry,
        world,
        signal,
        onRetry: (_, error) => onOutcome('retrying', alert, error),
      },
      alert,
    );
    if (delivery.kind === 'stopped') return 'stopped';
    this.#remember(alert);
    if (delivery.kind === 'delivered') {
      this.#delivered++;
      onOutcome('delivered', alert);
    } else {
      this.#recordUndelivered(alert, delivery);
      onOutcome(delivery.why, alert, delivery.error);
    }
    return 'handled';
  }

  #remember(alert: AlertRecord): void {
    const { alertId, sequence } = alert;
    this.#ended.delete(alertId);
    const ends = alert.state === 'resolved';
    if (ends) this.#ended.add(alertId);
    // Grows with every end, across restarts: the order in which they ended.
    const endedAt = ends ? this.#endCount++ : null;
    const told: Told = { sequence, endedAt };
    this.#told.set(alertId, told);
    this.#put(`a|${alertId}`, told);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= endedMax) break;
      this.#ended.delete(oldest);
      this.#told.delete(oldest);
      this.#changes.set(`a|${oldest}`, null);
    }
  }

  #recordUndelivered(alert: AlertRecord, delivery: Extract<Delivery, { kind: 'undelivered' }>): void {
    const entry: Undelivered = {
      notifier: this.#options.notifier.name,
      dedupeKey: alert.dedupeKey,
      summary: alert.summary,
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

  #put(key: string, value: Told | Undelivered | NotifyCounts | PastOffsets): void {
    this.#changes.set(key, Buffer.from(JSON.stringify(value)));
  }

  #checkpoint(nextOffset: number): Checkpoint {
    if (this.#changes.size > 0)
      this.#put('counts', { delivered: this.#delivered, undelivered: this.#undelivered });
    const state: StateEntry[] = [...this.#changes].map(([key, value]) => ({ key, value }));
    this.#changes.clear();
    return { nextOffset, outputs: [], state };
  }
}
