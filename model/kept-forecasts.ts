/** What a model says of machines that were kept from its training, beside what became of them. */
import { assert } from '../domain/assert.js';
import type { NetworkPredictor } from './predict.js';
import { type Origin, remainingLifeShares, windowOf } from './windows.js';

export interface KeptForecast {
  readonly machine: string;
  /** [H] failure probabilities. */
  readonly curve: Float32Array;
  /** 1..H, or 0 without a failure; days whose outcome is known. */
  readonly eventDay: number;
  readonly knownDays: number;
  /** Remaining life in steps as the model says it, where it does, and as it was, at most the cap; NaN: not known. */
  readonly saidLife: number;
  readonly actualLife: number;
}

export async function forecastKept(
  predictor: Pick<NetworkPredictor, 'spec' | 'foresee'>,
  origins: readonly Origin[],
  lifeCapSteps: number,
): Promise<KeptForecast[]> {
  const { spec } = predictor;
  const histories = new Set(origins.map(({ history }) => history));
  const shares = new Map(
    [...histories].map((history) => [history, remainingLifeShares(history, lifeCapSteps)]),
  );
  const windows = origins.map((origin) => windowOf(spec, origin));
  const { probabilities, remainingLifeSteps } = await predictor.foresee(windows);
  const { horizonSteps } = spec;
  return origins.map(({ history, step }, index) => ({
    machine: history.machine,
    curve: probabilities.subarray(index * horizonSteps, (index + 1) * horizonSteps),
    eventDay: history.eventDay[step]!,
    knownDays: history.knownDays[step]!,
    saidLife: remainingLifeSteps?.[index] ?? NaN,
    actualLife: shares.get(history)![step]! * lifeCapSteps,
  }));
}

/** Whether the machine had failed by the end of day `day`; undefined where that is not known. */
export function hadFailed({ eventDay, knownDays }: KeptForecast, day: number): boolean | undefined {
  if (eventDay > 0 && eventDay <= day) return true;
  return day <= knownDays ? false : undefined;
}

/** Mean over the days 1..H of the Brier score at the rows whose outcome is known; days without any are left out. */
export function meanBrierOf(forecasts: readonly KeptForecast[]): number {
  const [first] = forecasts;
  assert(first, 'a forecast to judge');
  const scores: number[] = [];
  for (let day = 1; day <= first.curve.length; day++) {
    let sum = 0;
    let count = 0;
    for (const forecast of forecasts) {
      const failed = hadFailed(forecast, day);
      if (failed === undefined) continue;
      sum += (forecast.curve[day - 1]! - (failed ? 1 : 0)) ** 2;
      count += 1;
    }
    if (count > 0) scores.push(sum / count);
  }
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
