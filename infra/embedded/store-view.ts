import type { AlertRecord, AlertState } from '../../domain/alert.js';
import type { EventRecord } from '../../domain/input.js';
import type { Span } from '../../domain/store.js';
import type { FleetIndex } from '../memory/fleet-index.js';
import { isOpenAlert, matchesStates } from '../memory/store-rules.js';
import type { Bytes, BytesRoot } from './lmdb-open.js';
import {
  afterAll,
  decodeRevised,
  newestFirst,
  type StoreDatabase,
  storedForecast,
  storeKey,
  timeKey,
  timeOfKey,
} from './store-layout.js';

/** The queries of the embedded store, on what the folder holds right now. */
export class StoreView {
  readonly #root: BytesRoot;
  readonly #database: (name: StoreDatabase) => Bytes | undefined;

  /** `database` may be undefined while the writer has not made it yet. */
  constructor(root: BytesRoot, database: (name: StoreDatabase) => Bytes | undefined) {
    this.#root = root;
    this.#database = database;
  }

  /** Steps or forecasts of a machine by time, newest first: from time to time, whatever other machines have in between. */
  byTime<T>(
    name: 'steps' | 'forecasts',
    machine: string,
    { fromMs = -Infinity, toMs = Infinity, limit = Infinity }: Span,
    decode: (value: Buffer) => T,
  ): T[] {
    const found: T[] = [];
    this.#root.resetReadTxn();
    const database = this.#database(name);
    if (!database) return found;
    for (let belowMs = toMs; found.length < limit; ) {
      const timeMs = newestBelow(database, belowMs);
      if (timeMs === undefined || timeMs < fromMs) break;
      const start = afterAll(timeKey(timeMs), machine);
      const end = storeKey(timeKey(timeMs), Buffer.from(machine));
      for (const { value } of database.getRange({ start, end, reverse: true, limit: limit - found.length }))
        found.push(decode(value));
      belowMs = timeMs;
    }
    return found;
  }

  /** Newest first. */
  events(machine: string, { limit = Infinity, ...span }: Span): EventRecord[] {
    const found: EventRecord[] = [];
    if (limit <= 0) return found;
    for (const { value } of this.#range('events', newestFirst(machine, span))) {
      found.push(decodeRevised<EventRecord>(value));
      if (found.length >= limit) break;
    }
    return found;
  }

  alerts(filter: {
    readonly machine?: string;
    readonly states?: readonly AlertState[];
    readonly limit?: number;
  }): AlertRecord[] {
    const found: AlertRecord[] = [];
    const limit = filter.limit ?? Infinity;
    if (limit <= 0) return found;
    const name = filter.machine === undefined ? 'alerts-by-time' : 'alerts-by-machine';
    for (const { value: alertId } of this.#range(name, newestFirst(filter.machine, {}))) {
      const value = this.#database('alerts')?.get(alertId);
      const alert = value && decodeRevised<AlertRecord>(value);
      if (!alert || !matchesStates(alert, filter.states)) continue;
      found.push(alert);
      if (found.length >= limit) break;
    }
    return found;
  }

  alertHistory(alertId: string): AlertRecord[] {
    const start = storeKey(alertId);
    const end = Buffer.concat([start, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])]);
    return [...this.#range('transitions', { start, end })].map(({ value }) =>
      decodeRevised<AlertRecord>(value),
    );
  }

  fleetIndex(): FleetIndex {
    const index: FleetIndex = { newest: new Map(), removedMs: new Map(), open: new Map() };
    for (const { value: key } of this.#range('newest', {})) {
      const value = this.#database('forecasts')?.get(key);
      if (!value) continue;
      const forecast = storedForecast(value);
      index.newest.set(forecast.machine, forecast);
    }
    for (const { key, value } of this.#range('removed', {}))
      index.removedMs.set(Buffer.from(key).toString('utf8', 0, key.length - 1), value.readDoubleLE(0));
    for (const { value } of this.#range('alerts', {})) {
      const alert = decodeRevised<AlertRecord>(value);
      if (isOpenAlert(alert)) index.open.set(alert.alertId, alert);
    }
    return index;
  }

  *#range(
    name: StoreDatabase,
    range: { readonly start?: Buffer; readonly end?: Buffer; readonly reverse?: true },
  ): Generator<{ readonly key: Uint8Array; readonly value: Buffer }> {
    this.#root.resetReadTxn();
    const database = this.#database(name);
    if (database) yield* database.getRange(range);
  }
}

/** The greatest time below `belowMs` that a key of the database begins with. */
function newestBelow(database: Bytes, belowMs: number): number | undefined {
  const start = belowMs === Infinity ? undefined : afterAll(timeKey(Math.ceil(belowMs) - 1));
  for (const key of database.getKeys({ ...(start && { start }), reverse: true, limit: 1 }))
    return timeOfKey(key);
  return undefined;
}
