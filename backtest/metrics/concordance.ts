import type { Judged } from '../judged.js';
import { ascendingOrder, countAtMost, countBelow } from './order.js';

/**
 * Time-dependent concordance: of all comparable pairs, the share in which the machine that failed first had the
 * greater failure probability by the day on which it failed.
 *
 *   C = Σ_{i failed on day t} Σ_{j runs at the end of t} [F_i(t) > F_j(t)] + ½ [F_i(t) = F_j(t)]  /  number of pairs
 *
 * Source: Antolini, Boracchi & Biganzoli 2005, "A time-dependent discrimination index for survival data".
 * Ties: a machine censored at the end of day t was alive on it, so it is comparable with a failure on day t
 * (as in pycox's `antolini` and scikit-survival); two failures on one day are not comparable; equal probabilities
 * count one half (pycox's `antolini` counts them 0), so that a constant forecast has 0.5.
 *
 * null without a comparable pair. O(H N log N).
 */
export function timeDependentConcordance(rows: readonly Judged[], horizonDays: number): number | null {
  return rankForConcordance(rows, horizonDays)(new Float64Array(rows.length).fill(1));
}

/** Ranks the rows once; the function then tells the concordance with each row counted `weight` times, in O(H N). */
export function rankForConcordance(
  rows: readonly Judged[],
  horizonDays: number,
): (weight: Float64Array) => number | null {
  const days = Array.from({ length: horizonDays }, (_, index) => rankDay(rows, index + 1)).filter(
    ({ failing, running }) => failing.length > 0 && running.length > 0,
  );
  const sums = new Float64Array(rows.length + 1);
  return (weight) => {
    let concordant = 0;
    let comparable = 0;
    for (const { failing, running } of days) {
      for (let rank = 0; rank < running.length; rank++)
        sums[rank + 1] = (sums[rank] as number) + (weight[running[rank] as number] as number);
      for (const { row, below, atMost } of failing) {
        const lower = sums[below] as number;
        const times = weight[row] as number;
        concordant += times * (lower + 0.5 * ((sums[atMost] as number) - lower));
        comparable += times * (sums[running.length] as number);
      }
    }
    return comparable === 0 ? null : concordant / comparable;
  };
}

interface RankedDay {
  /** Rows that failed on the day, with the number of running rows of lesser, and of no greater, probability. */
  readonly failing: readonly { readonly row: number; readonly below: number; readonly atMost: number }[];
  /** Rows that run at the end of the day, least probability first. */
  readonly running: Int32Array;
}

function rankDay(rows: readonly Judged[], day: number): RankedDay {
  const failed: number[] = [];
  const running: number[] = [];
  rows.forEach(({ eventDay, knownDays }, row) => {
    if (eventDay === day) failed.push(row);
    else if (eventDay > day || (eventDay === 0 && knownDays >= day)) running.push(row);
  });
  if (failed.length === 0) return { failing: [], running: new Int32Array() };
  const probabilityOf = (row: number) => (rows[row] as Judged).probabilities[day - 1] as number;
  const probabilities = Float64Array.from(running, probabilityOf);
  const ascending = ascendingOrder(probabilities).map((place) => running[place] as number);
  const sorted = probabilities.sort();
  const failing = failed.map((row) => {
    const value = probabilityOf(row);
    return { row, below: countBelow(sorted, value), atMost: countAtMost(sorted, value) };
  });
  return { failing, running: ascending };
}
