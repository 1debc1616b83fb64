import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../../domain/alert.js';
import { assert } from '../../domain/assert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { StepRecord } from '../../domain/step.js';
import type { StoreBatch } from '../../domain/store.js';
import type { FleetIndex } from '../memory/fleet-index.js';
import { isNewerForecast, isOpenAlert, removalMs } from '../memory/store-rules.js';
import { CommitQueue, type Prepared } from './commit-queue.js';
import type { LmdbBatch } from './lmdb-batch.js';
import type { LmdbFolder } from './lmdb-folder.js';
import { type Bytes, openDatabase } from './lmdb-open.js';
import type { LmdbWriter } from './lmdb-writer.js';
import { encodeNumbers } from './log-layout.js';
import {
  checkNames,
  decodeRevised,
  putRevised,
  revisionOf,
  type StoreDatabase,
  storeDatabaseNames,
  storeKey,
  timeKey,
} from './store-layout.js';
import { StoreView } from './store-view.js';

/** Guesses of a record's size: they bound the queue, nothing depends on them exactly. */
const bytesPerStep = 2_000;
const bytesPerRecord = 800;

/** What one commit changes in the fleet index; the index itself changes when it is durable. */
interface FleetChanges {
  readonly newest: Map<string, ForecastRecord>;
  readonly removedMs: Map<string, number>;
  /** Newest transitions by alert, open or not. */
  readonly alerts: Map<string, AlertRecord>;
}

/** The writing half of the embedded store: group commit, revisions, and the fleet kept in memory. */
export class EmbeddedStoreWriter {
  readonly view: StoreView;
  readonly #folder: LmdbFolder;
  readonly #databases: Readonly<Record<StoreDatabase, { readonly database: Bytes; readonly number: number }>>;
  readonly #queue: CommitQueue<StoreBatch>;
  readonly #fleet: FleetIndex;

  static async open(folder: LmdbFolder, writer: LmdbWriter): Promise<EmbeddedStoreWriter> {
    const numbers = await writer.openDatabases(storeDatabaseNames);
    folder.root.resetReadTxn();
    const databases = Object.fromEntries(
      storeDatabaseNames.map((name, index) => {
        const database = openDatabase(folder.root, name);
        assert(database, `database ${name} to exist`);
        return [name, { database, number: numbers[index] as number }];
      }),
    ) as Record<StoreDatabase, { readonly database: Bytes; readonly number: number }>;
    return new EmbeddedStoreWriter(folder, writer, databases);
  }

  private constructor(
    folder: LmdbFolder,
    writer: LmdbWriter,
    databases: Readonly<Record<StoreDatabase, { readonly database: Bytes; readonly number: number }>>,
  ) {
    this.#folder = folder;
    this.#databases = databases;
    this.#queue = new CommitQueue(writer, (batches, batch) => this.#prepare(batches, batch));
    this.view = new StoreView(folder.root, (name) => databases[name].database);
    this.#fleet = this.view.fleetIndex();
  }

  /** Newest forecasts, removals and open alerts, as they are durable now. */
  get fleet(): FleetIndex {
    return this.#fleet;
  }

  async write(batch: StoreBatch): Promise<void> {
    const recordCount = batch.forecasts.length + batch.alerts.length + batch.events.length;
    if (recordCount + batch.steps.length === 0) return;
    for (const { machine } of batch.steps) checkNames(machine);
    for (const { machine, model } of batch.forecasts) checkNames(machine, model);
    for (const { machine, code, alert } of batch.events) checkNames(machine, alert ?? code);
    for (const { machine, alertId } of batch.alerts) checkNames(machine, alertId);
    await this.#queue.add(batch, batch.steps.length * bytesPerStep + recordCount * bytesPerRecord);
  }

  finish(): Promise<void> {
    return this.#queue.drained();
  }

  #prepare(batches: readonly StoreBatch[], batch: LmdbBatch): Prepared {
    const changes: FleetChanges = { newest: new Map(), removedMs: new Map(), alerts: new Map() };
    const steps = highestRevisions(
      batches.flatMap((one) => one.steps),
      (step) => `${step.startMs}|${step.machine}`,
    );
    for (const step of steps)
      this.#putRevised('steps', storeKey(timeKey(step.startMs), step.machine), step, 'perhaps-stored', batch);
    this.#prepareForecasts(
      batches.flatMap((one) => one.forecasts),
      batch,
      changes,
    );
    for (const { events } of batches) this.#prepareEvents(events, batch, changes);
    for (const { alerts } of batches) this.#prepareTransitions(alerts, batch, changes);
    this.#prepareAlerts(batch, changes);
    return { apply: () => this.#apply(changes), revert: () => {} };
  }

  /** Writes the record unless one with a higher revision is there. */
  #putRevised(
    name: 'steps' | 'forecasts',
    key: Buffer,
    record: StepRecord | ForecastRecord,
    known: 'perhaps-stored' | 'not-stored',
    batch: LmdbBatch,
  ): void {
    const { database, number } = this.#databases[name];
    const stored = known === 'perhaps-stored' ? database.get(key) : undefined;
    if (!stored || revisionOf(stored) <= record.revision)
      putRevised(batch, number, key, record.revision, record);
  }

  #prepareForecasts(forecasts: readonly ForecastRecord[], batch: LmdbBatch, { newest }: FleetChanges): void {
    const identity = ({ machine, originMs, model }: ForecastRecord) => `${originMs}|${model}|${machine}`;
    for (const forecast of highestRevisions(forecasts, identity)) {
      const { machine, originMs, model } = forecast;
      const durable = this.#fleet.newest.get(machine);
      const known = durable && originMs <= durable.originMs ? 'perhaps-stored' : 'not-stored';
      const key = storeKey(timeKey(originMs), machine, model);
      this.#putRevised('forecasts', key, forecast, known, batch);
      if (!isNewerForecast(forecast, newest.get(machine) ?? durable)) continue;
      newest.set(machine, forecast);
      batch.put(this.#databases.newest.number, storeKey(machine), key);
    }
  }

  #prepareEvents(events: readonly EventRecord[], batch: LmdbBatch, { removedMs }: FleetChanges): void {
    for (const event of events) {
      const key = storeKey(event.machine, timeKey(event.eventTimeMs), event.event, event.alert ?? event.code);
      putRevised(batch, this.#databases.events.number, key, 0, event);
      const known = removedMs.get(event.machine) ?? this.#fleet.removedMs.get(event.machine) ?? -Infinity;
      const removed = removalMs(event) ?? -Infinity;
      if (removed <= known) continue;
      removedMs.set(event.machine, removed);
      batch.put(this.#databases.removed.number, storeKey(event.machine), encodeNumbers(removed));
    }
  }

  #prepareTransitions(alerts: readonly AlertRecord[], batch: LmdbBatch, changes: FleetChanges): void {
    for (const alert of alerts) {
      const sequence = Buffer.allocUnsafe(4);
      sequence.writeUInt32BE(alert.sequence, 0);
      const key = storeKey(alert.alertId, sequence);
      putRevised(batch, this.#databases.transitions.number, key, alert.sequence, alert);
      const newest = changes.alerts.get(alert.alertId);
      if (!newest || newest.sequence <= alert.sequence) changes.alerts.set(alert.alertId, alert);
    }
  }

  /** The newest transition of each alert, and its place in the two lists. */
  #prepareAlerts(batch: LmdbBatch, changes: FleetChanges): void {
    const { alerts, 'alerts-by-time': byTime, 'alerts-by-machine': byMachine } = this.#databases;
    for (const [alertId, alert] of changes.alerts) {
      const key = storeKey(alertId);
      const stored = alerts.database.get(key);
      if (stored && revisionOf(stored) > alert.sequence) {
        changes.alerts.delete(alertId);
        continue;
      }
      if (stored) {
        const before = decodeRevised<AlertRecord>(stored);
        batch.remove(byTime.number, storeKey(timeKey(before.timeMs), alertId));
        batch.remove(byMachine.number, storeKey(before.machine, timeKey(before.timeMs), alertId));
      }
      putRevised(batch, alerts.number, key, alert.sequence, alert);
      batch.put(byTime.number, storeKey(timeKey(alert.timeMs), alertId), key);
      batch.put(byMachine.number, storeKey(alert.machine, timeKey(alert.timeMs), alertId), key);
    }
  }

  #apply({ newest, removedMs, alerts }: FleetChanges): void {
    this.#folder.root.resetReadTxn();
    for (const [machine, forecast] of newest) this.#fleet.newest.set(machine, forecast);
    for (const [machine, timeMs] of removedMs) this.#fleet.removedMs.set(machine, timeMs);
    for (const [alertId, alert] of alerts)
      if (isOpenAlert(alert)) this.#fleet.open.set(alertId, alert);
      else this.#fleet.open.delete(alertId);
  }
}

/** One record per identity: the last one of the highest revision. */
function highestRevisions<T extends StepRecord | ForecastRecord>(
  records: readonly T[],
  identityOf: (record: T) => string,
): Iterable<T> {
  // Mostly each machine comes once, and nothing needs a name.
  if (new Set(records.map(({ machine }) => machine)).size === records.length) return records;
  const best = new Map<string, T>();
  for (const record of records) {
    const identity = identityOf(record);
    if (record.revision >= (best.get(identity)?.revision ?? 0)) best.set(identity, record);
  }
  return best.values();
}
