import { type Censoring, type Judged, type Outcomes, outcomesAt, ranked } from '../judged.js';

/** Groups of rows of one probability, each group with a row that counts: how many had failed and how many ran. */
export interface Ties {
  readonly count: number;
  /** Of the first `count` of each. */
  readonly probability: Float64Array;
  readonly failed: Float64Array;
  readonly running: Float64Array;
}

/** Groups of equal probability, in the order of `outcomes`: ranked ones. */
export function tiesOf({ probability, failed, weight }: Outcomes): Ties {
  const size = probability.length;
  const ties = {
    count: 0,
    probability: new Float64Array(size),
    failed: new Float64Array(size),
    running: new Float64Array(size),
  };
  let at = -1;
  for (let i = 0; i < size; i++) {
    const times = weight[i] as number;
    if (times === 0) continue;
    if (at < 0 || ties.probability[at] !== probability[i]) ties.probability[++at] = probability[i] as number;
    const counts = failed[i] === 1 ? ties.failed : ties.running;
    counts[at] = (counts[at] as number) + times;
  }
  return { ...ties, count: at + 1 };
}

/**
 * Average precision at the end of day `day`: Σ_n (R_n − R_{n−1}) P_n over the distinct probabilities from the
 * greatest down, no interpolation (scikit-learn's `average_precision_score`). Ties: rows of equal probability enter
 * together. The no-skill value is the share of failures. null without a failure.
 */
export function averagePrecisionAt(
  rows: readonly Judged[],
  day: number,
  censoring: Censoring,
): number | null {
  return averagePrecisionOf(tiesOf(ranked(outcomesAt(rows, day, censoring))));
}

export function averagePrecisionOf({ count, failed, running }: Ties): number | null {
  let total = 0;
  for (let i = 0; i < count; i++) total += failed[i] as number;
  if (total === 0) return null;
  let found = 0;
  let taken = 0;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const own = failed[i] as number;
    found += own;
    taken += own + (running[i] as number);
    sum += (own / total) * (found / taken);
  }
  return sum;
}

/**
 * Area under the ROC curve at the end of day `day`: the probability that a failed row is ranked above a running one
 * (Mann–Whitney U over the number of pairs). Ties count one half. null when only one outcome occurs.
 */
export function aurocAt(rows: readonly Judged[], day: number, censoring: Censoring): number | null {
  return aurocOf(tiesOf(ranked(outcomesAt(rows, day, censoring))));
}

export function aurocOf({ count, failed, running }: Ties): number | null {
  let failedAbove = 0;
  let runningAbove = 0;
  let pairsWon = 0;
  for (let i = 0; i < count; i++) {
    const own = failed[i] as number;
    pairsWon += (running[i] as number) * (failedAbove + own / 2);
    failedAbove += own;
    runningAbove += running[i] as number;
  }
  return failedAbove === 0 || runningAbove === 0 ? null : pairsWon / (failedAbove * runningAbove);
}
