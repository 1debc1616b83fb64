/** Forecasts of what sensors will show, and of how far a machine departs from what was expected of it. */
import type { FeatureSpec, FeatureWindow } from './features.js';
import { normalCdf } from './normal.js';

/** A sensor whose values are forecast. */
export interface ValueSensor {
  readonly name: string;
  readonly unit: string;
  /** Feature column of its mean over a step. */
  readonly column: number;
}

/** The mean of one sensor over each of the next H steps, in its unit: 10 % lie below `low`, 10 % above `high`. */
export interface SensorForecast {
  readonly sensor: string;
  readonly low: readonly number[];
  readonly median: readonly number[];
  readonly high: readonly number[];
}

/**
 * How far a machine departs from what was expected of it. No failure has been seen by whoever made it: passing the limit
 * is no failure, and its probability none of a failure.
 */
export interface HealthOutlook {
  /** 1 is the limit; healthy machines were never seen beyond it. At least 0. */
  readonly index: number;
  /** [H] P(the index has been at its limit or beyond by the end of step k), non-decreasing; 1 where it is already. */
  readonly probabilities: readonly number[];
}

export interface ValueOutlook {
  readonly sensors: readonly SensorForecast[];
  /** null: there is no index yet, for the reason given. */
  readonly health: HealthOutlook | null;
  /** Why there is no index, in words; '' where there is one. */
  readonly healthReason: string;
}

/** Forecasts values. Declared here because stages and page hold one. */
export interface ValuePredictor {
  readonly version: string;
  readonly spec: FeatureSpec;
  readonly sensors: readonly ValueSensor[];
  /** One outlook per window. A window of a batch gives what it gives alone. Of their memory, see Predictor.predict. */
  foresee(windows: readonly FeatureWindow[]): Promise<ValueOutlook[]>;
  close(): Promise<void>;
}

/** Where a sensor should stay, in its unit. */
export interface OperatingLimits {
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** When a sensor passes an operating limit; days are steps after the origin, from 1. */
export interface LimitPassing {
  readonly sensor: string;
  readonly side: 'above' | 'below';
  readonly limit: number;
  /** First day on which it is more likely than not beyond the limit; null: not within the horizon. */
  readonly day: number | null;
  /** First day on which it is beyond with 10 %, and with 90 %; null: not within the horizon. */
  readonly earliestDay: number | null;
  readonly latestDay: number | null;
}

/** The limits that a sensor may pass within the horizon (with 10 % at least), the high one first. */
export function limitPassings(forecast: SensorForecast, limits: OperatingLimits): LimitPassing[] {
  const { sensor, low, median, high } = forecast;
  const firstDay = (values: readonly number[], isBeyond: (value: number) => boolean): number | null => {
    const index = values.findIndex(isBeyond);
    return index < 0 ? null : index + 1;
  };
  const passings: LimitPassing[] = [];
  const consider = (side: LimitPassing['side'], limit: number | undefined): void => {
    if (limit === undefined) return;
    const [near, far] = side === 'above' ? [high, low] : [low, high];
    const isBeyond = (value: number) => (side === 'above' ? value > limit : value < limit);
    const earliestDay = firstDay(near, isBeyond);
    if (earliestDay === null) return;
    const day = firstDay(median, isBeyond);
    passings.push({ sensor, side, limit, day, earliestDay, latestDay: firstDay(far, isBeyond) });
  };
  consider('above', limits.high);
  consider('below', limits.low);
  return passings;
}

/**
 * P(a value that moves along `expected` with standard deviations `sds` has been at `limit` or beyond by the end of step
 * k): the greatest of its normal chances so far, so that it never falls. Chances of steps that pass together are taken
 * as one, which is the least that it can be.
 */
export function passedBy(limit: number, expected: readonly number[], sds: readonly number[]): number[] {
  let before = 0;
  return expected.map((value, index) => {
    before = Math.max(before, normalCdf((value - limit) / (sds[index] as number)));
    return before;
  });
}
