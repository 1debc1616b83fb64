/**
 * The store of results in InfluxDB: 1.8, 1.11, or a later one through its v1 endpoints. Several processes may write and
 * read at once. How records lie in it: points.ts. What the fleet shows is kept in memory, and read anew from time to time.
 */
import { mkdir } from 'node:fs/promises';
import type { AlertRecord, AlertState } from '../../domain/alert.js';
import { WorldError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { type EventRecord, eventIdentity } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import { type PackedStep, unpackStep } from '../../domain/packed-step.js';
import { Rng } from '../../domain/rng.js';
import type { StepRecord } from '../../domain/step.js';
import type { FleetRow, Span, Store, StoreBatch } from '../../domain/store.js';
import { type FolderLock, lockedBy, lockFolder } from '../embedded/folder-lock.js';
import { fleetRows } from '../memory/fleet-index.js';
import { compareAlerts, compareEvents, compareText, matchesStates } from '../memory/store-rules.js';
import { encodeBatch, StepEnds } from './batch.js';
import type { InfluxConfig } from './config.js';
import { InfluxConnection } from './connection.js';
import { FleetCache } from './fleet-cache.js';
import { quote, selectRecords, timeBounds } from './influxql.js';
import { tagValue } from './line-protocol.js';
import { measurements } from './points.js';
import { createMissing } from './setup.js';
import { Spool } from './spool.js';
import { InfluxWriter } from './writer.js';

export interface InfluxStoreOptions {
  readonly config: InfluxConfig;
  readonly types: ReadonlyMap<string, MachineType>;
  /** Folder of the spool; one process at a time has it open for writing. */
  readonly dir: string;
  readonly mode: 'read-write' | 'read-only';
  /** Told once about each thing that goes wrong and is tried again. */
  readonly onProblem: (sentence: string) => void;
}

/** How many rows are asked for at once where there is a limit: a few more, since a record may have revisions. */
const pageSlack = 10;

/** Opens no connection: InfluxDB may be away. Rejects with WorldError 'locked', or 'disk-full' for a spool that cannot be. */
export async function openInfluxStore(options: InfluxStoreOptions): Promise<InfluxStore> {
  const { config, dir, onProblem } = options;
  const connection = new InfluxConnection(config);
  if (options.mode === 'read-only') return new InfluxStore(options, connection, null, null);
  await mkdir(dir, { recursive: true });
  const lock = lockFolder(dir, 'read-write');
  if ('pid' in lock)
    throw lockedBy(lock, dir, 'each process that writes results needs a `dataDir` of its own, for its spool');
  try {
    const spool = await Spool.open({ dir, bytesMax: config.spoolBytesMax, onProblem });
    const writer = new InfluxWriter({
      connection,
      spool,
      dir,
      batchPoints: config.batchPoints,
      connections: config.connections,
      encoding: encodingOf(config),
      // Where this user may not, or this version cannot, somebody else has; else the write says what is missing.
      prepare: () =>
        createMissing(connection, config).catch((error: unknown) => {
          if (!(error instanceof WorldError) || error.retryable) throw error;
        }),
      rng: new Rng(process.pid),
      onProblem,
    });
    return new InfluxStore(options, connection, writer, lock);
  } catch (error) {
    lock.unlock();
    throw error;
  }
}

export class InfluxStore implements Store {
  readonly #options: InfluxStoreOptions;
  readonly #connection: InfluxConnection;
  /** null when read-only. */
  readonly #writer: InfluxWriter | null;
  readonly #lock: FolderLock | null;
  readonly #ends: StepEnds;
  readonly #fleet: FleetCache;
  #closing: Promise<void> | null = null;

  constructor(
    options: InfluxStoreOptions,
    connection: InfluxConnection,
    writer: InfluxWriter | null,
    lock: FolderLock | null,
  ) {
    this.#options = options;
    this.#connection = connection;
    this.#writer = writer;
    this.#lock = lock;
    this.#ends = new StepEnds(options.types);
    this.#fleet = new FleetCache((statement) => connection.query(statement));
  }

  /** Of the writer; undefined when read-only. */
  status(): ReturnType<InfluxWriter['status']> | undefined {
    return this.#writer?.status();
  }

  async write(batch: StoreBatch): Promise<void> {
    this.#checkOpen();
    const { types, config } = this.#options;
    if (!this.#writer)
      throw new WorldError('closed', 'the store is open for reading only', { retryable: false });
    // Without an answer the curves of late revisions are taken for the newest, which the next forecast puts right.
    if (!this.#fleet.isLoaded && this.#writer.status().problem === '')
      await this.#fleet.refresh().catch(() => {});
    const newest = (machine: string) => this.#fleet.index.newest.get(machine);
    const lines = encodeBatch(batch, { types, sensorFields: config.sensorFields, ends: this.#ends, newest });
    if (lines.length === 0) return;
    await this.#writer.write(lines);
    this.#fleet.add(batch);
  }

  async fleet(): Promise<readonly FleetRow[]> {
    this.#checkOpen();
    // While InfluxDB is away, who writes knows what it would say; who only reads must not show what may be old.
    const away = this.#writer !== null && this.#writer.status().problem !== '';
    if (!away || !this.#fleet.isLoaded) await this.#fleet.refresh();
    return fleetRows(this.#fleet.index);
  }

  async forecasts(machine: string, span: Span = {}): Promise<readonly ForecastRecord[]> {
    this.#checkOpen();
    const found = await this.#highestRevisions<ForecastRecord>(
      measurements.forecasts,
      machine,
      span,
      (record) => ({
        timeMs: record.originMs,
        identity: `${record.originMs}|${record.model}`,
      }),
    );
    return found
      .sort((a, b) => b.originMs - a.originMs || compareText(b.model, a.model))
      .slice(0, span.limit);
  }

  async steps(machine: string, span: Span = {}): Promise<readonly StepRecord[]> {
    this.#checkOpen();
    const found = await this.#highestRevisions<PackedStep>(
      measurements.steps,
      machine,
      span,
      ({ startMs }) => ({
        timeMs: startMs,
        identity: String(startMs),
      }),
    );
    return found.slice(0, span.limit).map(unpackStep);
  }

  async events(machine: string, span: Span = {}): Promise<readonly EventRecord[]> {
    this.#checkOpen();
    const found = await this.#highestRevisions<EventRecord>(measurements.events, machine, span, (record) => ({
      timeMs: record.eventTimeMs,
      identity: `${record.eventTimeMs}|${eventIdentity(record)}`,
    }));
    return found.sort(compareEvents).slice(0, span.limit);
  }

  async alerts(
    filter: {
      readonly machine?: string;
      readonly states?: readonly AlertState[];
      readonly limit?: number;
    } = {},
  ): Promise<readonly AlertRecord[]> {
    this.#checkOpen();
    const { machine } = filter;
    const where = machine === undefined ? '' : ` WHERE machine = ${quote(tagValue(machine))}`;
    const series = await this.#connection.query(
      `SELECT last(record) FROM ${measurements.alerts}${where} GROUP BY alert`,
    );
    return selectRecords<AlertRecord>(series)
      .filter((alert) => matchesStates(alert, filter.states))
      .sort(compareAlerts)
      .slice(0, filter.limit);
  }

  async alertHistory(alertId: string): Promise<readonly AlertRecord[]> {
    this.#checkOpen();
    const series = await this.#connection.query(
      `SELECT record FROM ${measurements.alerts} WHERE alert = ${quote(tagValue(alertId))}`,
    );
    return selectRecords<AlertRecord>(series).sort((a, b) => a.sequence - b.sequence);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#connection.close();
      await this.#writer?.close();
      this.#lock?.unlock();
    })();
    return this.#closing;
  }

  /** Newest first, one record per identity: the first, since points of one moment come in descending revision. */
  async #highestRevisions<T>(
    measurement: string,
    machine: string,
    { limit = Infinity, ...span }: Span,
    keyOf: (record: T) => { readonly timeMs: number; readonly identity: string },
  ): Promise<T[]> {
    const found = new Map<string, T>();
    const pageRows = limit + pageSlack;
    for (let offset = 0; ; offset += pageRows) {
      const page = limit === Infinity ? '' : ` LIMIT ${pageRows} OFFSET ${offset}`;
      const rows = selectRecords<T>(
        await this.#connection.query(
          `SELECT record FROM ${measurement} WHERE machine = ${quote(tagValue(machine))}${timeBounds(span)} ORDER BY time DESC${page}`,
        ),
      );
      let edgeMs = -Infinity;
      for (const row of rows) {
        const { timeMs, identity } = keyOf(row);
        // Who stands at the limit is decided among all of its moment.
        if (found.size >= limit && timeMs < edgeMs) return [...found.values()];
        if (!found.has(identity)) found.set(identity, row);
        edgeMs = timeMs;
      }
      if (rows.length < pageRows) return [...found.values()];
    }
  }

  #checkOpen(): void {
    if (this.#closing) throw new WorldError('closed', 'the store is closed', { retryable: false });
  }
}

function encodingOf({ compression, url }: InfluxConfig): 'gzip' | 'none' {
  if (compression !== 'auto') return compression;
  return /^(localhost|127\.|\[::1\])/.test(new URL(url).hostname) ? 'none' : 'gzip';
}
