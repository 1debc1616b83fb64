/**
 * The topic `alerts` and one receiver behind the stages that lead to it, with time that passes only while delivery
 * waits: a sleep moves the clock and returns. `crash` throws the stages away and begins again from what their last
 * checkpoints made durable.
 */
import type { Buffer } from 'node:buffer';
import { type AlertsConfigInput, alertsConfigSchema } from '../../alerts/config.js';
import { makeDispatchStage } from '../../alerts/dispatch-stage.js';
import { makeGatherStage } from '../../alerts/gather-stage.js';
import { retrySchema } from '../../alerts/notifier-config.js';
import { makeNotifyStage, type NotifyOutcome, type Undelivered } from '../../alerts/notify-stage.js';
import type { Notifier } from '../../alerts/ports.js';
import type { AlertRecord } from '../../domain/alert.js';
import { SetClock } from '../../domain/clock.js';
import type { Checkpoint, LogRecord, NewRecord, PartitionHandler } from '../../domain/log.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { Rng } from '../../domain/rng.js';
import { encodeRecord, topics } from '../../domain/topics.js';

export function alertOf(sequence: number, over: Partial<AlertRecord> = {}): AlertRecord {
  const alertId = over.alertId ?? `near/${over.machine ?? 'unit-84'}/1000`;
  return {
    kind: 'alert',
    alertId,
    dedupeKey: `${alertId}/${sequence}`,
    sequence,
    rule: 'near',
    machine: 'unit-84',
    type: 'turbine',
    site: 'north',
    line: 'l1',
    state: 'firing',
    severity: 'warning',
    transition: 'fired',
    reason: 'condition-met',
    timeMs: 1000 + sequence,
    sinceMs: 1000,
    acknowledgedBy: '',
    value: 0.4,
    summary: `transition ${sequence}`,
    trace: null,
    ...over,
  };
}

/** The notification of one transition. */
export function noticeOf(alert: AlertRecord): NotificationRecord {
  const { dedupeKey, timeMs, summary } = alert;
  const told = { notifier: 'pager', group: null, reason: 'changed', changed: 1, omitted: 0 } as const;
  return { kind: 'notification', dedupeKey, timeMs, summary, alerts: [alert], ...told };
}

/** A partition and its reader. */
class Stage {
  readonly log: LogRecord[] = [];
  readonly state = new Map<string, Buffer>();
  nextOffset = 0;
  /** Where the log ended when its reader came. */
  joinedAt = 0;
  readonly #topic: string;
  readonly #make: () => PartitionHandler;
  #handler: PartitionHandler | undefined;
  #joined = false;

  constructor(topic: string, make: () => PartitionHandler) {
    this.#topic = topic;
    this.#make = make;
  }

  append(...records: readonly NewRecord[]): void {
    for (const record of records) this.log.push({ ...record, offset: this.log.length });
  }

  /** Reads all there is, `batchRecords` at a time, committing after each batch, until stopped. */
  async run(batchRecords: number, signal?: AbortSignal): Promise<NewRecord[]> {
    this.#handler ??= this.#begin();
    const outputs: NewRecord[] = [];
    let position = this.nextOffset;
    while (position < this.log.length && !signal?.aborted) {
      const records = this.log.slice(position, position + batchRecords);
      const checkpoint = await this.#handler.process({ topic: this.#topic, partition: 0, records });
      position += records.length;
      if (!checkpoint) continue;
      position = this.#commit(checkpoint);
      outputs.push(...checkpoint.outputs);
    }
    return outputs;
  }

  crash(): void {
    this.#handler?.close();
    this.#handler = undefined;
  }

  #begin(): PartitionHandler {
    const handler = this.#make();
    if (!this.#joined && handler.join)
      this.#commit(handler.join({ beginOffset: 0, endOffset: this.joinedAt }));
    this.#joined = true;
    handler.restore([...this.state].map(([key, value]) => ({ key, value })).reverse());
    return handler;
  }

  #commit({ nextOffset, state }: Checkpoint): number {
    this.nextOffset = nextOffset;
    for (const { key, value } of state)
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    return nextOffset;
  }
}

export class DeliveryYard {
  readonly clock = new SetClock(0);
  readonly waitsMs: number[] = [];
  readonly outcomes: string[] = [];
  /** Called whenever delivery sleeps: what happens in the world meanwhile. */
  onSleep: () => void = () => {};
  stop = new AbortController();
  readonly #gather: Stage;
  readonly #dispatch: Stage;
  readonly #notify: Stage;

  constructor(notifier: Notifier, config: AlertsConfigInput = {}, giveUpAfter = '1d') {
    const receivers = [{ kind: 'webhook', name: notifier.name, url: 'http://host/x' }] as const;
    const routes = (config.routes ?? [{ notifiers: [notifier.name] }]).map((route) => ({
      groupWait: '0s',
      ...route,
    }));
    const parsed = alertsConfigSchema.parse({ notifiers: receivers, ...config, routes });
    this.#gather = new Stage(topics.alerts, makeGatherStage(this.clock));
    this.#dispatch = new Stage(topics.dispatch, makeDispatchStage({ config: parsed, timeZone: 'UTC' }));
    this.#notify = new Stage(topics.notifications, () =>
      makeNotifyStage({
        notifier,
        retry: retrySchema.parse({ giveUpAfterMs: giveUpAfter }),
        world: {
          clock: this.clock,
          rng: new Rng(1),
          sleep: (delayMs, signal) => {
            this.waitsMs.push(delayMs);
            this.clock.advanceTo(this.clock.nowMs() + delayMs);
            this.onSleep();
            return signal.aborted ? Promise.reject(signal.reason) : Promise.resolve();
          },
        },
        signal: this.stop.signal,
        onOutcome: (outcome: NotifyOutcome, { dedupeKey }) => this.outcomes.push(`${dedupeKey} ${outcome}`),
      })(),
    );
  }

  /** What was in the log before the receiver was. */
  appendBefore(...alerts: readonly AlertRecord[]): void {
    this.append(...alerts);
    this.#gather.joinedAt = this.#gather.log.length;
  }

  append(...alerts: readonly AlertRecord[]): void {
    this.#gather.append(...alerts.map((alert) => encodeRecord(topics.alerts, 0, alert)));
  }

  /** Decides what is to be told now, and delivers it until stopped. */
  async run(batchRecords = 1): Promise<void> {
    this.#dispatch.append(...(await this.#gather.run(batchRecords)));
    this.#dispatch.append(encodeRecord(topics.dispatch, 0, { kind: 'tick', timeMs: this.clock.nowMs() }));
    this.#notify.append(...(await this.#dispatch.run(batchRecords)));
    await this.#notify.run(batchRecords, this.stop.signal);
  }

  crash(): void {
    for (const stage of [this.#gather, this.#dispatch, this.#notify]) stage.crash();
    this.stop = new AbortController();
  }

  /** Notifications that are not delivered yet. */
  get waiting(): number {
    return this.#notify.log.length - this.#notify.nextOffset;
  }

  /** Of the dispatcher. */
  get state(): ReadonlyMap<string, Buffer> {
    return this.#dispatch.state;
  }

  undelivered(): Undelivered[] {
    return [...this.#notify.state]
      .filter(([key]) => key.startsWith('u|'))
      .map(([, value]) => JSON.parse(value.toString()) as Undelivered);
  }

  counts(): unknown {
    return JSON.parse(this.#notify.state.get('counts')?.toString() ?? 'null');
  }
}
