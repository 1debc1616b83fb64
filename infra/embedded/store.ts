/**
 * The store of results in a folder, on LMDB: what the page and the command line read when there is no InfluxDB. One
 * process writes, others may read meanwhile, through that one. Deliberately absent: expiry; a machine adds about 4 KB a step.
 */
import type { AlertRecord, AlertState } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { StepRecord } from '../../domain/step.js';
import type { FleetRow, Span, Store, StoreBatch } from '../../domain/store.js';
import { fleetRows } from '../memory/fleet-index.js';
import { compareAlerts, matchesStates } from '../memory/store-rules.js';
import type { FolderMode } from './folder-lock.js';
import { type LmdbFolder, openFolder, shareFolder } from './lmdb-folder.js';
import { type Bytes, type BytesRoot, openDatabase } from './lmdb-open.js';
import { ReadsClient } from './reads-client.js';
import { RemoteStore, storeClosed, storeOnlyRead } from './remote-store.js';
import { type StoreDatabase, storeDatabaseNames, storedForecast, storedStep } from './store-layout.js';
import { StoreView } from './store-view.js';
import { EmbeddedStoreWriter } from './store-writer.js';

/** Grows when the layout of the folder changes. */
const storeFormat = { holds: 'store', version: 3 } as const;

/** Opens the store in `dir`; errors as for the embedded log. */
export async function openEmbeddedStore(options: {
  readonly dir: string;
  readonly mode?: FolderMode;
}): Promise<Store> {
  const folder = await openFolder(options.dir, storeFormat, options.mode ?? 'read-write');
  if (folder instanceof ReadsClient) return new RemoteStore(folder);
  try {
    const writer = folder.writer && (await EmbeddedStoreWriter.open(folder, folder.writer));
    return new EmbeddedStore(folder, writer);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** The store for reading, in another thread of the process that has it open. */
export function shareEmbeddedStore(dir: string): Store {
  return new EmbeddedStore(shareFolder(dir), null);
}

/**
 * All are opened before the first query. In a folder that is only read, lmdb-js opens a database in the current read
 * transaction and then begins another, and a query that is going over another database meanwhile fails or crashes.
 */
function databasesOf(root: BytesRoot): (name: StoreDatabase) => Bytes | undefined {
  const opened = new Map(storeDatabaseNames.map((name) => [name, openDatabase(root, name)]));
  return (name) => {
    // In a process that is starting the writer may not have made it yet.
    if (!opened.get(name)) opened.set(name, openDatabase(root, name));
    return opened.get(name);
  };
}

class EmbeddedStore implements Store {
  readonly #folder: LmdbFolder;
  /** null when read-only. */
  readonly #writer: EmbeddedStoreWriter | null;
  readonly #view: StoreView;
  #closing: Promise<void> | null = null;

  constructor(folder: LmdbFolder, writer: EmbeddedStoreWriter | null) {
    this.#folder = folder;
    this.#writer = writer;
    this.#view = writer?.view ?? new StoreView(folder.root, databasesOf(folder.root));
  }

  async write(batch: StoreBatch): Promise<void> {
    this.#checkOpen();
    if (!this.#writer) throw storeOnlyRead(this.#folder.dir);
    await this.#writer.write(batch);
  }

  async fleet(): Promise<readonly FleetRow[]> {
    this.#checkOpen();
    return fleetRows(this.#writer?.fleet ?? this.#view.fleetIndex());
  }

  async forecasts(machine: string, span: Span = {}): Promise<readonly ForecastRecord[]> {
    this.#checkOpen();
    return this.#view.byTime('forecasts', machine, span, storedForecast);
  }

  async steps(machine: string, span: Span = {}): Promise<readonly StepRecord[]> {
    this.#checkOpen();
    return this.#view.byTime('steps', machine, span, storedStep);
  }

  async events(machine: string, span: Span = {}): Promise<readonly EventRecord[]> {
    this.#checkOpen();
    return this.#view.events(machine, span);
  }

  async alerts(
    filter: {
      readonly machine?: string;
      readonly states?: readonly AlertState[];
      readonly limit?: number;
    } = {},
  ): Promise<readonly AlertRecord[]> {
    this.#checkOpen();
    const open = this.#writer?.fleet.open;
    if (!open || !filter.states || filter.states.includes('resolved')) return this.#view.alerts(filter);
    // Open alerts are few and in memory; resolved ones gather for years.
    return [...open.values()]
      .filter((alert) => filter.machine === undefined || alert.machine === filter.machine)
      .filter((alert) => matchesStates(alert, filter.states))
      .sort(compareAlerts)
      .slice(0, filter.limit);
  }

  async alertHistory(alertId: string): Promise<readonly AlertRecord[]> {
    this.#checkOpen();
    return this.#view.alertHistory(alertId);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#writer?.finish();
      await this.#folder.close();
    })();
    return this.#closing;
  }

  #checkOpen(): void {
    if (this.#closing) throw storeClosed();
  }
}
