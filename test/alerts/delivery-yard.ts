/**
 * The topic `alerts` and one receiver's stage, with time that passes only while the stage waits: a sleep moves the
 * clock and returns. `crash` throws the stage away and begins again from what its last checkpoint made durable.
 */
import type { Buffer } from 'node:buffer';
import { type AlertsConfigInput, alertsConfigSchema } from '../../alerts/config.js';
import { retrySchema } from '../../alerts/notifier-config.js';
import { makeNotifyStage, type NotifyOutcome, type Undelivered } from '../../alerts/notify-stage.js';
import type { Notifier } from '../../alerts/ports.js';
import type { AlertRecord } from '../../domain/alert.js';
import { SetClock } from '../../domain/clock.js';
import type { Checkpoint, LogRecord, PartitionHandler } from '../../domain/log.js';
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

export class DeliveryYard {
  readonly clock = new SetClock(0);
  readonly waitsMs: number[] = [];
  readonly outcomes: string[] = [];
  readonly state = new Map<string, Buffer>();
  readonly log: LogRecord[] = [];
  /** Called whenever the stage sleeps: what happens in the world meanwhile. */
  onSleep: () => void = () => {};
  stop = new AbortController();
  nextOffset = 0;
  readonly #notifier: Notifier;
  readonly #config: AlertsConfigInput;
  readonly #giveUpAfter: string;
  #handler: PartitionHandler | undefined;
  #joined = false;
  #before = 0;

  constructor(notifier: Notifier, config: AlertsConfigInput = {}, giveUpAfter = '1d') {
    this.#notifier = notifier;
    this.#config = config;
    this.#giveUpAfter = giveUpAfter;
  }

  /** What was in the log before the receiver was. */
  appendBefore(...alerts: readonly AlertRecord[]): void {
    this.append(...alerts);
    this.#before = this.log.length;
  }

  append(...alerts: readonly AlertRecord[]): void {
    for (const alert of alerts)
      this.log.push({ ...encodeRecord(topics.alerts, 0, alert), offset: this.log.length });
  }

  /** Reads all there is, `batchRecords` at a time, committing after each batch, until stopped. */
  async run(batchRecords = 1): Promise<void> {
    this.#handler ??= this.#begin();
    let position = this.nextOffset;
    while (position < this.log.length && !this.stop.signal.aborted) {
      const records = this.log.slice(position, position + batchRecords);
      const checkpoint = await this.#handler.process({ topic: topics.alerts, partition: 0, records });
      position += records.length;
      if (checkpoint) position = this.#commit(checkpoint);
    }
  }

  #commit({ nextOffset, state }: Checkpoint): number {
    this.nextOffset = nextOffset;
    for (const { key, value } of state)
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    return nextOffset;
  }

  crash(): void {
    this.#handler?.close();
    this.#handler = undefined;
    this.stop = new AbortController();
  }

  undelivered(): Undelivered[] {
    return [...this.state]
      .filter(([key]) => key.startsWith('u|'))
      .map(([, value]) => JSON.parse(value.toString()) as Undelivered);
  }

  counts(): unknown {
    return JSON.parse(this.state.get('counts')?.toString() ?? 'null');
  }

  #begin(): PartitionHandler {
    const stage = makeNotifyStage({
      notifier: this.#notifier,
      retry: retrySchema.parse({ giveUpAfterMs: this.#giveUpAfter }),
      config: alertsConfigSchema.parse(this.#config),
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
      onOutcome: (outcome: NotifyOutcome, alert) => this.outcomes.push(`${alert.dedupeKey} ${outcome}`),
    });
    const handler = stage({ topic: topics.alerts, partition: 0 });
    if (!this.#joined && handler.join)
      this.#commit(handler.join({ beginOffset: 0, endOffset: this.#before }));
    this.#joined = true;
    handler.restore([...this.state].map(([key, value]) => ({ key, value })).reverse());
    return handler;
  }
}
