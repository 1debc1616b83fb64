import { type Censoring, type Judged, type Outcomes, outcomesAt } from '../judged.js';

/** Probabilities are kept this far from 0 and 1, as scikit-learn 1.2 does: the loss of a row is at most 34.5. */
const clip = 1e-15;

/**
 * Log loss at the end of day `day`: mean of −y ln F − (1 − y) ln(1 − F), in nats, F clipped to [1e-15, 1 − 1e-15].
 * null when no row counts at that day.
 */
export function logLossAt(rows: readonly Judged[], day: number, censoring: Censoring): number | null {
  return logLossOf(outcomesAt(rows, day, censoring));
}

export function logLossOf({ probability, failed, weight }: Outcomes): number | null {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < probability.length; i++) {
    const p = Math.min(1 - clip, Math.max(clip, probability[i] as number));
    sum -= (weight[i] as number) * (failed[i] === 1 ? Math.log(p) : Math.log1p(-p));
    total += weight[i] as number;
  }
  return total === 0 ? null : sum / total;
}
