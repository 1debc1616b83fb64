/** The store of results that the page, the command line and dashboards read: InfluxDB, or the embedded one. */
import type { AlertRecord, AlertState } from './alert.js';
import type { ForecastRecord } from './forecast.js';
import type { EventRecord } from './input.js';
import type { StepRecord } from './step.js';

export interface StoreBatch {
  readonly steps: readonly StepRecord[];
  readonly forecasts: readonly ForecastRecord[];
  readonly alerts: readonly AlertRecord[];
  readonly events: readonly EventRecord[];
}

/** Half-open [fromMs, toMs); `limit` newest first. */
export interface Span {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly limit?: number;
}

export interface FleetRow {
  readonly forecast: ForecastRecord;
  /** The newest transition of each alert of this machine that is not resolved. */
  readonly alerts: readonly AlertRecord[];
}

export interface Store {
  /**
   * Makes the batch durable. Idempotent: writing again changes nothing; a lower revision never replaces a higher
   * one. Rejects with WorldError.
   */
  write(batch: StoreBatch): Promise<void>;
  /** The newest forecast (greatest origin) of every machine that has not been removed from the fleet by a failure
   *  that ended its life or a `retired` event later than it. Order: machine id. */
  fleet(): Promise<readonly FleetRow[]>;
  /** Forecasts of a machine by origin, newest first; one per (origin, model), its highest revision. */
  forecasts(machine: string, span?: Span): Promise<readonly ForecastRecord[]>;
  /** Steps by start, newest first, highest revision. */
  steps(machine: string, span?: Span): Promise<readonly StepRecord[]>;
  events(machine: string, span?: Span): Promise<readonly EventRecord[]>;
  /** Newest transition of each alert, newest `timeMs` first. */
  alerts(filter?: {
    readonly machine?: string;
    readonly states?: readonly AlertState[];
    readonly limit?: number;
  }): Promise<readonly AlertRecord[]>;
  /** All transitions of one alert, oldest first. */
  alertHistory(alertId: string): Promise<readonly AlertRecord[]>;
  close(): Promise<void>;
}
