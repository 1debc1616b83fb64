/** What many tests at once say together. */
import type { Rng } from '../../domain/rng.js';
import { incompleteBeta } from '../metrics/incomplete-beta.js';

/** Holm 1979: each p-value adjusted so that below a limit the chance of any false one stays below it, whatever their dependence. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] as number) - (values[b] as number));
  const adjusted = new Array<number>(values.length).fill(1);
  let least = 0;
  order.forEach((index, rank) => {
    least = Math.max(least, Math.min(1, (values.length - rank) * (values[index] as number)));
    adjusted[index] = least;
  });
  return adjusted;
}

/**
 * Paired randomisation test of many statistics at once (single-step maxT, Westfall & Young 1993). `differences`: by unit, what each
 * statistic was now less then; NaN where the unit does not have it. If nothing has changed, now and then may be exchanged within a unit:
 * the differences of each unit keep or change their signs together. Days of one machine thus stay together, however they hang
 * together, and so do statistics.
 *
 * Per statistic t = Σ d / √(Σ d²), whose square is at most the number of units, and its p-value adjusted for all of
 * them: how often the largest |t| of a draw is as large. Statistics that fewer than `unitsMin` units have get t = 0, p = 1.
 */
export function pairedMaxT(
  differences: readonly Float64Array[],
  { rng, drawCount, unitsMin }: { readonly rng: Rng; readonly drawCount: number; readonly unitsMin: number },
): { readonly t: number; readonly p: number }[] {
  const statisticCount = differences[0]?.length ?? 0;
  const spread = new Float64Array(statisticCount);
  const unitCounts = new Int32Array(statisticCount);
  for (const unit of differences)
    unit.forEach((value, statistic) => {
      if (Number.isNaN(value)) return;
      spread[statistic]! += value * value;
      unitCounts[statistic]! += 1;
    });
  // As shares of the spread; what cannot be tested adds nothing to any sum.
  const scaled = differences.map((unit) =>
    unit.map((value, statistic) =>
      Number.isNaN(value) || spread[statistic] === 0 || unitCounts[statistic]! < unitsMin
        ? 0
        : value / Math.sqrt(spread[statistic]!),
    ),
  );
  const sums = (signOf: () => number): Float64Array => {
    const total = new Float64Array(statisticCount);
    for (const unit of scaled) {
      const sign = signOf();
      for (let statistic = 0; statistic < statisticCount; statistic++)
        total[statistic]! += sign * unit[statistic]!;
    }
    return total;
  };
  const observed = sums(() => 1);
  const largest = Float64Array.from({ length: drawCount }, () =>
    sums(() => (rng.uniform() < 0.5 ? -1 : 1)).reduce((most, t) => Math.max(most, Math.abs(t)), 0),
  ).sort();
  return Array.from(observed, (t) => {
    // Rounding must not make the observed order beat itself.
    const below = countBelow(largest, Math.abs(t) - 1e-9);
    return { t, p: t === 0 ? 1 : (1 + drawCount - below) / (1 + drawCount) };
  });
}

function countBelow(ascending: Float64Array, limit: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Two-sided p-value of two rates of events being the same: given their sum, the events of the first are binomial (Przyborowski &
 * Wilenski 1940); twice the smaller tail, at most 1. Exposures in the same unit, above 0.
 */
export function rateTest(
  now: { readonly count: number; readonly exposure: number },
  then: { readonly count: number; readonly exposure: number },
): number {
  const share = now.exposure / (now.exposure + then.exposure);
  const total = now.count + then.count;
  const atLeast = now.count === 0 ? 1 : incompleteBeta(share, now.count, total - now.count + 1);
  const atMost = now.count === total ? 1 : incompleteBeta(1 - share, total - now.count, now.count + 1);
  return Math.min(1, 2 * Math.min(atLeast, atMost));
}
