/** What passes from the windows to the network, and from history to the trainer. */

import type { Fallback } from './fallback.js';

/** Names, order and extent of the raw features of one machine type. A model fits exactly one of these. */
export interface FeatureSpec {
  readonly machineType: string;
  /** Feature names in column order, such as `vibration.mean`, `event.E1`, `since.pump`, `age`, `attr.model=m3`. */
  readonly names: readonly string[];
  /** Unit of each feature; '' for counts and one-hot. */
  readonly units: readonly string[];
  /** Columns of operating settings (sensors with `setting: true`): they name the regime. */
  readonly settingColumns: readonly number[];
  /** Steps the network reads: T. */
  readonly windowSteps: number;
  /** Steps given to it, the window and those before it for smoothing: C ≥ T. */
  readonly contextSteps: number;
  /** Steps forecast: H. */
  readonly horizonSteps: number;
  /** Maintenance that is planned: every so many steps, counted from the last maintenance of any kind. */
  readonly plannedVisits?: { readonly everySteps: number } | undefined;
}

/** Whether a feature is a measurement or a count of events: no clock and no label, whose means would say nothing. */
export function isMeasured(name: string): boolean {
  return (
    name !== 'age' && !name.startsWith('since.') && !name.startsWith('attr.') && !name.startsWith('calendar.')
  );
}

/** Whether a feature counts events. */
export function isCount(name: string): boolean {
  return name.startsWith('event.');
}

/** The newest steps of one machine at an origin. */
export interface FeatureWindow {
  /** [C, F] row-major, oldest first, raw units. NaN where a value is missing; rows before the history are all NaN. */
  readonly rows: Float32Array;
  /** Rows at the end that belong to the machine's present life, 1..C. */
  readonly stepCount: number;
}

/** The whole known life (or stretch of life) of one machine, for training and judging. */
export interface History {
  readonly machine: string;
  /** [L, F] row-major, as the windows would have shown them step by step. */
  readonly rows: Float32Array;
  readonly stepCount: number;
  /** [L] origin of each row: the end of its step. */
  readonly originsMs: Float64Array;
  /** [L] day k in 1..H on which the machine fails, counted from the end of the row's step; 0: none known within H. */
  readonly eventDay: Uint8Array;
  /**
   * [L] what fails on `eventDay`: bit i for the i-th `since.KIND` of the features, where a failure's code names that kind of
   * maintenance; 0 where no code does. Left out: not told.
   */
  readonly eventCauses?: Uint32Array;
  /** [L] days after the row's step whose outcome is known, 0..H: up to the failure, or to the end of the record. */
  readonly knownDays: Uint8Array;
}

/** Gives F_1..F_H for windows. Declared here because stages, backtest and page all hold one. */
export interface Predictor {
  /** Model version: the artifact's id. */
  readonly version: string;
  readonly spec: FeatureSpec;
  /**
   * [B, H] row-major: failure probabilities, non-decreasing along H. A row of a batch equals a batch of one. The windows
   * must not change before it resolves; afterwards their memory is the caller's again.
   */
  predict(windows: readonly FeatureWindow[]): Promise<Float32Array>;
  /** What stands in for the network; undefined: nothing does. */
  readonly fallback?: Fallback | undefined;
  /** Why there is nothing but that, as a sentence; `predict` must not be asked then. */
  readonly fault?: string;
  close(): Promise<void>;
}
