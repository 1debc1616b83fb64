import { type Censoring, type Judged, outcomesAt } from '../judged.js';

/** Groups of equal probability, greatest first: failed and running rows in each. */
function groupsByProbability(
  rows: readonly Judged[],
  day: number,
  censoring: Censoring,
): { readonly failed: number; readonly running: number }[] {
  const { probability, failed } = outcomesAt(rows, day, censoring);
  const order = Array.from(probability.keys()).sort(
    (a, b) => (probability[b] as number) - (probability[a] as number),
  );
  const groups: { failed: number; running: number }[] = [];
  let last = Number.NaN;
  for (const index of order) {
    const value = probability[index] as number;
    if (value !== last) groups.push({ failed: 0, running: 0 });
    last = value;
    const group = groups.at(-1) as { failed: number; running: number };
    if (failed[index] === 1) group.failed++;
    else group.running++;
  }
  return groups;
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
  const groups = groupsByProbability(rows, day, censoring);
  const total = groups.reduce((sum, group) => sum + group.failed, 0);
  if (total === 0) return null;
  let found = 0;
  let taken = 0;
  let sum = 0;
  for (const group of groups) {
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
  let failedAbove = 0;
  let running = 0;
  let pairsWon = 0;
  for (const group of groupsByProbability(rows, day, censoring)) {
    pairsWon += group.running * (failedAbove + group.failed / 2);
    failedAbove += group.failed;
    running += group.running;
  }
  return failedAbove === 0 || running === 0 ? null : pairsWon / (failedAbove * running);
}
