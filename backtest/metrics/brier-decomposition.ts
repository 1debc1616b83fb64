import { type Censoring, type Judged, outcomesAt, ranked } from '../judged.js';
import { type Ties, tiesOf } from './ranking.js';

/** Brier score = reliability − resolution + uncertainty. All at least 0. */
export interface BrierDecomposition {
  /** What is lost by saying probabilities that are not the shares that fail: 0 is calibrated. */
  readonly reliability: number;
  /** What is won by telling rows apart: greater is better. */
  readonly resolution: number;
  /** Brier score of saying the share of failures to every row. */
  readonly uncertainty: number;
}

/**
 * Decomposition of the Brier score at the end of day `day` by isotonic recalibration (CORP): with S the score, S_C that of
 * the recalibrated forecasts (the non-decreasing function of the forecast with the least score, by pooling adjacent
 * violators) and S_R that of the mean outcome, reliability = S − S_C, resolution = S_R − S_C, uncertainty = S_R. Unlike with
 * bins (Murphy 1973) the sum is exact and there are no bins to choose. The recalibration is fitted on the rows themselves: on few
 * rows both terms come out too great by the same amount.
 * Source: Dimitriadis, Gneiting & Jordan 2021, "Stable reliability diagrams for probabilistic classifiers", PNAS 118(8).
 * Ties: rows of one forecast are recalibrated together. null when no row counts at that day.
 */
export function decomposeBrierAt(
  rows: readonly Judged[],
  day: number,
  censoring: Censoring,
): BrierDecomposition | null {
  return decomposeBrier(tiesOf(ranked(outcomesAt(rows, day, censoring))));
}

/** `ties` from the greatest probability down. */
export function decomposeBrier(ties: Ties): BrierDecomposition | null {
  let count = 0;
  let failed = 0;
  let score = 0;
  for (let i = 0; i < ties.count; i++) {
    const probability = ties.probability[i] as number;
    const failedHere = ties.failed[i] as number;
    const runningHere = ties.running[i] as number;
    count += failedHere + runningHere;
    failed += failedHere;
    score += failedHere * (1 - probability) ** 2 + runningHere * probability ** 2;
  }
  if (count === 0) return null;
  const uncertainty = spread(count, failed) / count;
  const recalibrated = recalibratedSpread(ties) / count;
  return {
    // Rounding may leave a calibrated forecast a hair below 0.
    reliability: Math.max(0, score / count - recalibrated),
    resolution: Math.max(0, uncertainty - recalibrated),
    uncertainty,
  };
}

/** Σ of the spreads of blocks whose share of failures falls from one to the next, as the forecast does. */
function recalibratedSpread(ties: Ties): number {
  const counts = new Float64Array(ties.count);
  const failures = new Float64Array(ties.count);
  let blockCount = 0;
  for (let i = 0; i < ties.count; i++) {
    let failed = ties.failed[i] as number;
    let count = failed + (ties.running[i] as number);
    while (blockCount > 0) {
      const above = blockCount - 1;
      const [failedAbove, countAbove] = [failures[above] as number, counts[above] as number];
      if (failedAbove * count > failed * countAbove) break;
      failed += failedAbove;
      count += countAbove;
      blockCount--;
    }
    failures[blockCount] = failed;
    counts[blockCount] = count;
    blockCount++;
  }
  let sum = 0;
  for (let block = 0; block < blockCount; block++)
    sum += spread(counts[block] as number, failures[block] as number);
  return sum;
}

/** Σ (y − mean y)² of a block. */
function spread(count: number, failed: number): number {
  return (failed * (count - failed)) / count;
}
