/**
 * One partition of a plant from forecasts to notifications, in memory: the real alert stage, the real stage of every
 * notifier with a receiver that answers at once, and what their checkpoints have made durable.
 */
import type { Buffer } from 'node:buffer';
import { makeAlertStage } from '../../alerts/alert-stage.js';
import type { AlertsConfig } from '../../alerts/config.js';
import { makeNotifyStage } from '../../alerts/notify-stage.js';
import type { AlertRecord } from '../../domain/alert.js';
import { SetClock } from '../../domain/clock.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord, TickRecord } from '../../domain/input.js';
import type { LogRecord, NewRecord, PartitionHandler } from '../../domain/log.js';
import type { MachineType } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import { decodeRecord, encodeRecord, topics } from '../../domain/topics.js';

export type StoryInput = ForecastRecord | EventRecord | TickRecord;

/** What a notifier's receiver got. */
export interface Notified {
  readonly notifier: string;
  readonly alert: AlertRecord;
}

export interface StoryPlantOptions {
  readonly config: AlertsConfig;
  readonly types: readonly MachineType[];
  /** The alert stage makes a checkpoint after this many records without one. */
  readonly checkpointRecords: number;
}

/** A log of one partition, and its readers with their state: reading is what `process` does, restarting `restore`. */
class Reader {
  readonly state = new Map<string, Buffer>();
  readonly #topic: string;
  readonly #make: (config: AlertsConfig) => PartitionHandler;
  #handler: PartitionHandler;
  #nextOffset = 0;

  constructor(topic: string, config: AlertsConfig, make: (config: AlertsConfig) => PartitionHandler) {
    this.#topic = topic;
    this.#make = make;
    this.#handler = make(config);
    this.#handler.restore([]);
  }

  async read(records: readonly LogRecord[]): Promise<readonly NewRecord[]> {
    const checkpoint = await this.#handler.process({ topic: this.#topic, partition: 0, records });
    if (!checkpoint) return [];
    this.#nextOffset = checkpoint.nextOffset;
    for (const { key, value } of checkpoint.state)
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    return checkpoint.outputs;
  }

  /** As after kill -9: a new handler from the last checkpoint, which reads again what that does not include. */
  restart(config: AlertsConfig, log: readonly LogRecord[]): Promise<readonly NewRecord[]> {
    this.#handler.close();
    this.#handler = this.#make(config);
    // "in any order": the reverse of how it was written.
    this.#handler.restore([...this.state].map(([key, value]) => ({ key, value })).reverse());
    return this.read(log.slice(this.#nextOffset));
  }
}

export class StoryPlant {
  /** Every transition, in order. */
  readonly alerts: AlertRecord[] = [];
  readonly notified: Notified[] = [];
  /** Topics `forecasts` and `alerts`. */
  readonly log: LogRecord[] = [];
  readonly #alertLog: LogRecord[] = [];
  readonly #clock = new SetClock(0);
  readonly #alertReader: Reader;
  readonly #notifyReaders: readonly Reader[];
  #config: AlertsConfig;

  constructor({ config, types, checkpointRecords }: StoryPlantOptions) {
    this.#config = config;
    const partition = 0;
    this.#alertReader = new Reader(topics.forecasts, config, (inForce) =>
      makeAlertStage({ config: inForce, types, checkpointRecords })({ topic: topics.forecasts, partition }),
    );
    this.#notifyReaders = config.notifiers.map(({ name, retry }) => {
      const send = (alert: AlertRecord): Promise<void> => {
        this.notified.push({ notifier: name, alert });
        return Promise.resolve();
      };
      return new Reader(topics.alerts, config, (inForce) =>
        makeNotifyStage({
          notifier: { name, send },
          retry,
          config: inForce,
          world: { clock: this.#clock, rng: new Rng(1), sleep: () => Promise.resolve() },
          signal: new AbortController().signal,
        })({ topic: topics.alerts, partition }),
      );
    });
  }

  /** Of the alert stage. */
  get state(): ReadonlyMap<string, Buffer> {
    return this.#alertReader.state;
  }

  /** Reads one record; returns the transitions that became durable. */
  async push(input: StoryInput): Promise<readonly AlertRecord[]> {
    this.#clock.advanceTo(input.kind === 'tick' ? input.timeMs : 0);
    this.log.push({ ...encodeRecord(topics.forecasts, 0, input), offset: this.log.length });
    return this.#tell(await this.#alertReader.read(this.log.slice(-1)));
  }

  /** As after kill -9 of everything, with another configuration if given. */
  async restart(config: AlertsConfig = this.#config): Promise<readonly AlertRecord[]> {
    this.#config = config;
    const outputs = await this.#alertReader.restart(config, this.log);
    for (const reader of this.#notifyReaders) await reader.restart(config, this.#alertLog);
    return this.#tell(outputs);
  }

  async #tell(outputs: readonly NewRecord[]): Promise<readonly AlertRecord[]> {
    const records = outputs.map((record, index) => ({ ...record, offset: this.#alertLog.length + index }));
    this.#alertLog.push(...records);
    const alerts = records.map((record) => decodeRecord(topics.alerts, record));
    this.alerts.push(...alerts);
    for (const reader of this.#notifyReaders) for (const record of records) await reader.read([record]);
    return alerts;
  }
}
