import { type Censoring, type Judged, type Outcomes, outcomesAt, ranked } from '../judged.js';

/** Rows of one probability: how many had failed and how many ran. */
export interface Tie {
  readonly probability: number;
  readonly failed: number;
  readonly running: number;
}

/** Groups of equal probability, in the order of `outcomes`: ranked ones. */
export function tiesOf({ probability, failed, weight }: Outcomes): Tie[] {
  const ties: { probability: number; failed: number; running: number }[] = [];
  let tie = { probability: Number.NaN, failed: 0, running: 0 };
  for (let i = 0; i < probability.length; i++) {
    const value = probability[i] as number;
    if (weight[i] === 0) continue;
    if (value !== tie.probability) {
      tie = { probability: value, failed: 0, running: 0 };
      ties.push(tie);
    }
    if (failed[i] === 1) tie.failed += weight[i] as number;
    else tie.running += weight[i] as number;
  }
  return ties;
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

export function averagePrecisionOf(ties: readonly Tie[]): number | null {
  const total = ties.reduce((sum, group) => sum + group.failed, 0);
  if (total === 0) return null;
  let found = 0;
  let taken = 0;
  let sum = 0;
  for (const group of ties) {
    found += group.failed;
    taken += group.failed + group.running;
    sum += (group.failed / total) * (found / taken);
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

export function aurocOf(ties: readonly Tie[]): number | null {
  let failedAbove = 0;
  let running = 0;
  let pairsWon = 0;
  for (const group of ties) {
    pairsWon += group.running * (failedAbove + group.failed / 2);
    failedAbove += group.failed;
    running += group.running;
  }
  return failedAbove === 0 || running === 0 ? null : pairsWon / (failedAbove * running);
}
