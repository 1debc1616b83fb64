import type { Judged } from '../judged.js';

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
  let concordant = 0;
  let comparable = 0;
  for (let day = 1; day <= horizonDays; day++) {
    const failing = rows.filter((row) => row.eventDay === day);
    if (failing.length === 0) continue;
    const running = rows.filter((row) => row.eventDay > day || (row.eventDay === 0 && row.knownDays >= day));
    if (running.length === 0) continue;
    const sorted = Float64Array.from(running, (row) => row.probabilities[day - 1] as number).sort();
    for (const row of failing) {
      const value = row.probabilities[day - 1] as number;
      const below = countBelow(sorted, value);
      concordant += below + 0.5 * (countAtMost(sorted, value) - below);
    }
    comparable += failing.length * running.length;
  }
  return comparable === 0 ? null : concordant / comparable;
}

/** How many of the ascending values are < value. */
function countBelow(sorted: Float64Array, value: number): number {
  return firstIndex(sorted, (other) => other >= value);
}

/** How many of the ascending values are ≤ value. */
function countAtMost(sorted: Float64Array, value: number): number {
  return firstIndex(sorted, (other) => other > value);
}

/** First index at which `reached` holds; it holds from there to the end. */
function firstIndex(sorted: Float64Array, reached: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (reached(sorted[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}
