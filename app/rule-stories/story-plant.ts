/**
 * One partition of a plant from forecasts to notifications, in memory: the real stages of alerts, of dispatch and of every
 * notifier, with receivers that answer at once, and what their checkpoints have made durable.
 */
import type { Buffer } from 'node:buffer';
import { makeAlertStage } from '../../alerts/alert-stage.js';
import type { AlertsConfig } from '../../alerts/config.js';
import { makeDispatchStage } from '../../alerts/dispatch-stage.js';
import { makeGatherStage } from '../../alerts/gather-stage.js';
import { makeNotifyStage } from '../../alerts/notify-stage.js';
import type { AlertRecord } from '../../domain/alert.js';
import { SetClock } from '../../domain/clock.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord, TickRecord } from '../../domain/input.js';
import type { LogRecord, NewRecord, PartitionHandler } from '../../domain/log.js';
import { type MachineType, plantTimeZone } from '../../domain/machine-type.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { Rng } from '../../domain/rng.js';
import type { SilenceRecord } from '../../domain/silence.js';
import { decodeRecord, encodeRecord, topics } from '../../domain/topics.js';

/** A silence that somebody makes at a time. */
export interface SilenceInput {
  readonly kind: 'silence';
  readonly timeMs: number;
  readonly record: SilenceRecord;
}
export type StoryInput = ForecastRecord | EventRecord | TickRecord | SilenceInput;

export interface StoryPlantOptions {
  readonly config: AlertsConfig;
  readonly types: readonly MachineType[];
  /** The alert stage makes a checkpoint after this many records without one. */
  readonly checkpointRecords: number;
}

/** What is told within this time is told at once. */
const momentMs = 5000;

/** A partition of a topic, and its one reader with its state: reading is what `process` does, restarting `restore`. */
class Reader {
  readonly topic: string;
  readonly log: LogRecord[] = [];
  readonly state = new Map<string, Buffer>();
  readonly #make: () => PartitionHandler;
  #handler: PartitionHandler;
  #readUntil = 0;
  #nextOffset = 0;

  constructor(topic: string, make: () => PartitionHandler) {
    this.topic = topic;
    this.#make = make;
    this.#handler = make();
    this.#handler.restore([]);
  }

  append(...records: readonly Omit<NewRecord, 'topic'>[]): void {
    for (const record of records) this.log.push({ ...record, topic: this.topic, offset: this.log.length });
  }

  /** What is new. */
  async read(): Promise<readonly NewRecord[]> {
    const outputs: NewRecord[] = [];
    while (this.#readUntil < this.log.length) {
      const records = this.log.slice(this.#readUntil, ++this.#readUntil);
      const checkpoint = await this.#handler.process({ topic: this.topic, partition: 0, records });
      if (!checkpoint) continue;
      this.#nextOffset = checkpoint.nextOffset;
      for (const { key, value } of checkpoint.state)
        if (value === null) this.state.delete(key);
        else this.state.set(key, value);
      outputs.push(...checkpoint.outputs);
    }
    return outputs;
  }

  /** As after kill -9: a new handler from the last checkpoint, which reads again what that does not include. */
  restart(): void {
    this.#handler.close();
    this.#handler = this.#make();
    // "in any order": the reverse of how it was written.
    this.#handler.restore([...this.state].map(([key, value]) => ({ key, value })).reverse());
    this.#readUntil = this.#nextOffset;
  }
}

export class StoryPlant {
  /** Every transition, in order. */
  readonly alerts: AlertRecord[] = [];
  /** What the receivers got. */
  readonly notified: NotificationRecord[] = [];
  readonly #clock = new SetClock(0);
  readonly #alertReader: Reader;
  readonly #gatherReader: Reader;
  readonly #dispatchReader: Reader;
  readonly #notifyReaders: readonly Reader[];
  #config: AlertsConfig;

  constructor({ config, types, checkpointRecords }: StoryPlantOptions) {
    this.#config = config;
    const partition = 0;
    const { forecasts, alerts, dispatch, notifications } = topics;
    this.#alertReader = new Reader(forecasts, () =>
      makeAlertStage({ config: this.#config, types, checkpointRecords })({ topic: forecasts, partition }),
    );
    this.#gatherReader = new Reader(alerts, makeGatherStage(this.#clock));
    this.#dispatchReader = new Reader(dispatch, () =>
      makeDispatchStage({ config: this.#config, timeZone: plantTimeZone(types) })(),
    );
    this.#notifyReaders = config.notifiers.map(({ name, retry }) => {
      const send = (notification: NotificationRecord): Promise<void> => {
        this.notified.push(notification);
        return Promise.resolve();
      };
      const world = { clock: this.#clock, rng: new Rng(1), sleep: () => Promise.resolve() };
      const signal = new AbortController().signal;
      return new Reader(notifications, makeNotifyStage({ notifier: { name, send }, retry, world, signal }));
    });
  }

  /** Of the alert stage. */
  get state(): ReadonlyMap<string, Buffer> {
    return this.#alertReader.state;
  }

  /** Of the dispatcher. */
  get dispatchState(): ReadonlyMap<string, Buffer> {
    return this.#dispatchReader.state;
  }

  /** Topic `forecasts`. */
  get log(): readonly LogRecord[] {
    return this.#alertReader.log;
  }

  /** Reads records that come at once, then lets the time be told; returns the transitions that became durable. */
  async push(...inputs: readonly StoryInput[]): Promise<readonly AlertRecord[]> {
    for (const input of inputs) {
      this.#clock.advanceTo(timeOf(input));
      if (input.kind !== 'silence') this.#alertReader.append(encodeRecord(topics.forecasts, 0, input));
      else this.#dispatchReader.append(this.#tick(), encodeRecord(topics.dispatch, 0, input.record));
    }
    return this.#run(momentMs);
  }

  /** As after kill -9 of everything, with another configuration if given. */
  restart(config: AlertsConfig = this.#config): Promise<readonly AlertRecord[]> {
    this.#config = config;
    for (const reader of [
      this.#alertReader,
      this.#gatherReader,
      this.#dispatchReader,
      ...this.#notifyReaders,
    ])
      reader.restart();
    return this.#run(0);
  }

  async #run(passesMs: number): Promise<readonly AlertRecord[]> {
    const transitions = await this.#alertReader.read();
    this.#gatherReader.append(...transitions);
    this.#dispatchReader.append(...(await this.#gatherReader.read()));
    this.#clock.advanceTo(this.#clock.nowMs() + passesMs);
    this.#dispatchReader.append(this.#tick());
    const notifications = await this.#dispatchReader.read();
    for (const reader of this.#notifyReaders) {
      reader.append(...notifications);
      await reader.read();
    }
    const alerts = this.#gatherReader.log
      .slice(-transitions.length || Infinity)
      .map((record) => decodeRecord(topics.alerts, record));
    this.alerts.push(...alerts);
    return alerts;
  }

  #tick(): NewRecord {
    return encodeRecord(topics.dispatch, 0, { kind: 'tick', timeMs: this.#clock.nowMs() });
  }
}

/** When it comes. */
function timeOf(input: StoryInput): number {
  switch (input.kind) {
    case 'forecast':
      return input.originMs;
    case 'event':
      return input.ingestTimeMs;
    case 'tick':
    case 'silence':
      return input.timeMs;
  }
}
