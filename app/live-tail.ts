/** Follows the newest forecasts, alerts, events and ticks of the log, for the page and the terminal. */
import { randomUUID } from 'node:crypto';
import type { AlertRecord } from '../domain/alert.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { EventRecord, TickRecord } from '../domain/input.js';
import type { Batch, Consumer, Log, PartitionHandler } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';

export type LiveRecord = ForecastRecord | AlertRecord | EventRecord | TickRecord;

/** Subscribers get each record in the order of its partition, from the moment of `start` on. */
export class LiveTail {
  readonly #log: Log;
  readonly #listeners = new Set<(record: LiveRecord) => void>();
  #consumer: Consumer | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A group of its own that never commits: a page that restarts begins at the newest record. */
  start(): Consumer {
    this.#consumer = this.#log.consume({
      group: `live-${randomUUID()}`,
      topics: [topics.forecasts, topics.alerts],
      topicsThatCanWait: [topics.forecasts, topics.alerts],
      batchRecordsMax: 1000,
      from: 'end',
      handlerFor: () => this.#handler(),
    });
    return this.#consumer;
  }

  subscribe(listener: (record: LiveRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #handler(): PartitionHandler {
    return {
      restore() {},
      process: async (batch: Batch) => {
        if (this.#listeners.size === 0) return null;
        for (const record of batch.records) {
          const value = decodeRecord(batch.topic as 'forecasts' | 'alerts', record);
          for (const listener of this.#listeners) listener(value);
        }
        return null;
      },
      close() {},
    };
  }
}
