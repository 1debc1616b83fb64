import { type Censoring, type Judged, type Outcomes, outcomesAt } from '../judged.js';

/**
 * Brier score at the end of day `day`: mean of (F_day − y)², y = 1 if failed by then. In [0, 1], 0 is perfect.
 * Source: Brier 1950; for which rows count see `Censoring`. null when no row counts at that day.
 */
export function brierAt(rows: readonly Judged[], day: number, censoring: Censoring): number | null {
  return brierOf(outcomesAt(rows, day, censoring));
}

export function brierOf({ probability, failed, weight }: Outcomes): number | null {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < probability.length; i++) {
    const error = (probability[i] as number) - (failed[i] as number);
    sum += (weight[i] as number) * error * error;
    total += weight[i] as number;
  }
  return total === 0 ? null : sum / total;
}

/** Brier score at each day 1..H. */
export function brierByDay(
  rows: readonly Judged[],
  horizonDays: number,
  censoring: Censoring,
): (number | null)[] {
  return Array.from({ length: horizonDays }, (_, i) => brierAt(rows, i + 1, censoring));
}

/**
 * Plain mean over the days 1..H. null when a day is undefined: a mean over the days that happen to be known would
 * be a score of another, nearer horizon.
 */
export function meanOverDays(values: readonly (number | null)[]): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum / values.length;
}

/**
 * Skill of a score that is better when lower against a reference on the same rows: 1 − score / reference. 1 is
 * perfect, 0 as good as the reference, negative worse. null when either is undefined or the reference is already 0.
 */
export function skill(score: number | null, reference: number | null): number | null {
  return score === null || reference === null || reference === 0 ? null : 1 - score / reference;
}
