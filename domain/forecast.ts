/** A record of the topic `forecasts`. Identity: (machine, originMs, model); a higher revision replaces a lower one. */

import type { SimpleRung } from './fallback.js';
import type { LimitPassing, SensorForecast } from './values.js';

/**
 * What the probabilities of a forecast are of. `failure`: that the machine has failed. `health-limit`: that its health
 * index has passed its limit; of failures whoever made it knows nothing (domain/values.ts).
 */
export type CurveKind = 'failure' | 'health-limit';

/** What a value network says beside a curve. */
export interface ForecastValues {
  /** Model version. */
  readonly model: string;
  readonly sensors: readonly SensorForecast[];
  /** Operating limits that may be passed within the horizon. */
  readonly passings: readonly LimitPassing[];
  /** 1 is the limit; null: there is none yet. */
  readonly healthIndex: number | null;
}

export type ForecastStatus = 'ok' | 'provisional' | 'fallback' | 'not-assessable';

export interface ForecastRecord {
  readonly kind: 'forecast';
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  /** End of the newest step of the window: day k of the curve is the k-th step after it. */
  readonly originMs: number;
  /** Ordinal of the newest step in the machine's life, from 0. */
  readonly stepIndex: number;
  /** Grows when late data or a provisional step re-issues the forecast of this origin. */
  readonly revision: number;
  readonly status: ForecastStatus;
  /** Why not 'ok', in words; '' when ok. */
  readonly reason: string;
  /** Model version (artifact id). */
  readonly model: string;
  /** What the curve rests on where the network was not used; of status 'fallback' or 'provisional'. Left out: the network. */
  readonly rung?: SimpleRung;
  /** What `probabilities` are of, or would be. Left out: failure. Read it by curveOf. */
  readonly curve?: 'health-limit';
  /**
   * F_1..F_H: probability that the machine has failed (or what else `curve` says) by the end of day k after the origin,
   * given that it runs at the origin. Finite, in [0, 1], non-decreasing. Empty when not assessable.
   */
  readonly probabilities: readonly number[];
  /** First day k with F_k ≥ 0.5; null if none within the horizon. */
  readonly expectedDay: number | null;
  /** Mean coverage of the newest steps, [0, 1]. */
  readonly coverage: number;
  /** Sensors without any reading in the newest step. */
  readonly silentSensors: readonly string[];
  /** Topic `steps`: offset of the step record that caused this forecast. */
  readonly stepOffset: number;
  /** Sensors whose readings in the newest step are all the same (stuckAfter of the sensor). Left out: none. */
  readonly stuckSensors?: readonly string[];
  /** What rules ask of the machine's sensors, by `measureKey`; null: it cannot be told. Left out where no rule asks. */
  readonly measured?: Readonly<Record<string, number | null>>;
  /** Of machine types whose sensors are forecast, once a network has learned them. */
  readonly values?: ForecastValues;
}

export function curveOf({ curve }: Pick<ForecastRecord, 'curve'>): CurveKind {
  return curve ?? 'failure';
}

/** P(failed, or what else the curve is of, by day `days`), or undefined when not assessable. `days` in 1..H; beyond H the last is returned. */
export function probabilityWithin(forecast: ForecastRecord, days: number): number | undefined {
  return forecast.probabilities[Math.min(days, forecast.probabilities.length) - 1];
}

/** First day (1-based) on which what the curve is of is more likely than not; null if none. */
export function expectedDay(probabilities: ArrayLike<number>): number | null {
  for (let k = 0; k < probabilities.length; k++) if ((probabilities[k] as number) >= 0.5) return k + 1;
  return null;
}
