/**
 * How far forecasts of values are off, per step ahead, for series of different sizes together: mean absolute error,
 * root mean squared error, mean absolute scaled error, and what the intervals held.
 *
 * MASE divides a series' errors by the mean absolute error that the seasonal naive forecast, one season ahead, makes on
 * the series' training part: Hyndman & Koehler 2006. Below 1 is better than that one is in sample, one season ahead.
 */
import { UserError } from '../../domain/errors.js';

/** A forecast of one value with its outcome. All finite; `low` ≤ `high` hold 80 % between them, or both are null. */
export interface JudgedValue {
  /** Which series: an index into the scales. */
  readonly series: number;
  /** 1..H. */
  readonly stepsAhead: number;
  readonly said: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly actual: number;
}

/** null where no row reaches so far ahead, or none has an interval. */
export interface ValueErrors {
  readonly mae: number | null;
  readonly rmse: number | null;
  readonly mase: number | null;
  /** Share of the outcomes inside the interval; .8 is wanted. */
  readonly coverage: number | null;
  /** Mean width of the interval, in the units of MASE. */
  readonly scaledWidth: number | null;
}

/** [H] errors 1..H steps ahead. `scales` per series, > 0: see seasonalNaiveScale. */
export function valueErrorsByStep(
  rows: readonly JudgedValue[],
  scales: readonly number[],
  horizonSteps: number,
): ValueErrors[] {
  const tallies = Array.from({ length: horizonSteps }, () => ({
    count: 0,
    absolute: 0,
    squared: 0,
    scaled: 0,
    bounded: 0,
    inside: 0,
    width: 0,
  }));
  for (const { series, stepsAhead, said, low, high, actual } of rows) {
    const tally = tallies[stepsAhead - 1];
    const scale = scales[series];
    if (!tally || scale === undefined || !(scale > 0))
      throw new Error(
        `value errors: step ${stepsAhead} of ${horizonSteps}, series ${series}, scale ${scale}`,
      );
    const error = Math.abs(said - actual);
    tally.count += 1;
    tally.absolute += error;
    tally.squared += error * error;
    tally.scaled += error / scale;
    if (low === null || high === null) continue;
    tally.bounded += 1;
    tally.inside += low <= actual && actual <= high ? 1 : 0;
    tally.width += (high - low) / scale;
  }
  const mean = (sum: number, count: number) => (count === 0 ? null : sum / count);
  return tallies.map((tally) => ({
    mae: mean(tally.absolute, tally.count),
    rmse: tally.count === 0 ? null : Math.sqrt(tally.squared / tally.count),
    mase: mean(tally.scaled, tally.count),
    coverage: mean(tally.inside, tally.bounded),
    scaledWidth: mean(tally.width, tally.bounded),
  }));
}

/**
 * Mean |y_t − y_{t−m}| over a series, pairs with a missing (NaN) end left out: the unit of MASE. UserError, with the
 * series' name, where there is no pair or the series repeats itself exactly.
 */
export function seasonalNaiveScale(series: ArrayLike<number>, seasonSteps: number, name: string): number {
  let [sum, count] = [0, 0];
  for (let at = seasonSteps; at < series.length; at++) {
    const change = Math.abs((series[at] as number) - (series[at - seasonSteps] as number));
    if (Number.isNaN(change)) continue;
    sum += change;
    count += 1;
  }
  if (count === 0)
    throw new UserError(
      `${name} has no two values ${seasonSteps} steps apart to measure errors by: give a longer training part, or another season`,
    );
  if (sum === 0)
    throw new UserError(
      `${name} never changes from season to season, so its errors have no scale: leave it out`,
    );
  return sum / count;
}
