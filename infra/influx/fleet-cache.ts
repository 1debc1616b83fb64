/** What the fleet shows, in memory: read from InfluxDB, and added to as this process writes. */
import { performance } from 'node:perf_hooks';
import type { AlertRecord } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { StoreBatch } from '../../domain/store.js';
import type { FleetIndex } from '../memory/fleet-index.js';
import { isNewerForecast, isOpenAlert, removalMs } from '../memory/store-rules.js';
import type { Series } from './connection.js';
import { selectRecords } from './influxql.js';
import { measurements } from './points.js';

/** Reading anew may take at most this share of the time. */
const readingShareMax = 0.05;
const freshMs = 2000;

export class FleetCache {
  readonly index: FleetIndex = { newest: new Map(), removedMs: new Map(), open: new Map() };
  readonly #query: (statement: string) => Promise<readonly Series[]>;
  /** Of every alert known, open or not: a transition that comes once more opens nothing. */
  readonly #sequences = new Map<string, number>();
  #loading: Promise<void> | null = null;
  #staleAt = -Infinity;

  constructor(query: (statement: string) => Promise<readonly Series[]>) {
    this.#query = query;
  }

  /** Whether it has been read at least once. */
  get isLoaded(): boolean {
    return this.#staleAt !== -Infinity;
  }

  /** Reads anew what other processes may have written, if the last time is long ago. Rejects with WorldError. */
  async refresh(): Promise<void> {
    if (performance.now() < this.#staleAt) return;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    await this.#loading;
  }

  /** What has just been written, or read: nothing older replaces anything newer. */
  add({ forecasts, events, alerts }: Omit<StoreBatch, 'steps'>): void {
    const { newest, removedMs, open } = this.index;
    for (const forecast of forecasts)
      if (isNewerForecast(forecast, newest.get(forecast.machine))) newest.set(forecast.machine, forecast);
    for (const event of events) {
      const removed = removalMs(event);
      if (removed !== undefined && removed > (removedMs.get(event.machine) ?? -Infinity))
        removedMs.set(event.machine, removed);
    }
    for (const alert of alerts) {
      if (alert.sequence < (this.#sequences.get(alert.alertId) ?? 0)) continue;
      this.#sequences.set(alert.alertId, alert.sequence);
      if (isOpenAlert(alert)) open.set(alert.alertId, alert);
      else open.delete(alert.alertId);
    }
  }

  async #load(): Promise<void> {
    const startMs = performance.now();
    const [forecasts, events, alerts] = await Promise.all([
      this.#query(`SELECT last(record) FROM ${measurements.forecasts} GROUP BY machine, model`),
      this.#query(
        `SELECT last(record) FROM ${measurements.events} WHERE event = 'failure' OR event = 'retired' GROUP BY machine`,
      ),
      this.#query(`SELECT last(record) FROM ${measurements.alerts} GROUP BY alert`),
    ]);
    this.add({
      forecasts: selectRecords<ForecastRecord>(forecasts),
      events: selectRecords<EventRecord>(events),
      alerts: selectRecords<AlertRecord>(alerts),
    });
    const endMs = performance.now();
    this.#staleAt = endMs + Math.max(freshMs, (endMs - startMs) / readingShareMax);
  }
}
