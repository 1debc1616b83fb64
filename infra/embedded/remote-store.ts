import type { AlertRecord } from '../../domain/alert.js';
import { UserError, WorldError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { StepRecord } from '../../domain/step.js';
import type { FleetRow, Span, Store } from '../../domain/store.js';
import type { ReadsClient } from './reads-client.js';

export function storeOnlyRead(dir: string): UserError {
  return new UserError(`the store in ${dir} is open for reading only`);
}

export function storeClosed(): WorldError {
  return new WorldError('closed', 'the store is closed', { retryable: false });
}

/** A store that another process has open: what it holds at the moment of each call. */
export class RemoteStore implements Store {
  readonly #reads: ReadsClient;
  #closed = false;

  constructor(reads: ReadsClient) {
    this.#reads = reads;
  }

  async write(): Promise<void> {
    throw this.#closed ? storeClosed() : storeOnlyRead(this.#reads.dir);
  }

  fleet(): Promise<readonly FleetRow[]> {
    return this.#list('fleet');
  }

  forecasts(machine: string, span?: Span): Promise<readonly ForecastRecord[]> {
    return this.#list('forecasts', machine, span);
  }

  steps(machine: string, span?: Span): Promise<readonly StepRecord[]> {
    return this.#list('steps', machine, span);
  }

  events(machine: string, span?: Span): Promise<readonly EventRecord[]> {
    return this.#list('events', machine, span);
  }

  alerts(filter?: Parameters<Store['alerts']>[0]): Promise<readonly AlertRecord[]> {
    return this.#list('alerts', filter);
  }

  alertHistory(alertId: string): Promise<readonly AlertRecord[]> {
    return this.#list('alertHistory', alertId);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reads.close();
  }

  async #list<T>(method: keyof Store, ...parameters: readonly unknown[]): Promise<T[]> {
    if (this.#closed) throw storeClosed();
    return (await this.#reads.list(method, ...parameters)) as T[];
  }
}
