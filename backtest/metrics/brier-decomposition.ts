import { type Censoring, type Judged, outcomesAt, ranked } from '../judged.js';
import { type Tie, tiesOf } from './ranking.js';

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
export function decomposeBrier(ties: readonly Tie[]): BrierDecomposition | null {
  let count = 0;
  let failed = 0;
  let score = 0;
  for (const tie of ties) {
    count += tie.failed + tie.running;
    failed += tie.failed;
    score += tie.failed * (1 - tie.probability) ** 2 + tie.running * tie.probability ** 2;
  }
  if (count === 0) return null;
  const uncertainty = spread({ count, failed }) / count;
  const recalibrated = poolViolators(ties).reduce((sum, block) => sum + spread(block), 0) / count;
  return {
    // Rounding may leave a calibrated forecast a hair below 0.
    reliability: Math.max(0, score / count - recalibrated),
    resolution: Math.max(0, uncertainty - recalibrated),
    uncertainty,
  };
}

interface Block {
  readonly count: number;
  readonly failed: number;
}

/** Blocks whose share of failures falls from one to the next, as the forecast does. */
function poolViolators(ties: readonly Tie[]): Block[] {
  const blocks: Block[] = [];
  for (const tie of ties) {
    let block: Block = { count: tie.failed + tie.running, failed: tie.failed };
    for (
      let above = blocks.at(-1);
      above && above.failed * block.count <= block.failed * above.count;
      above = blocks.at(-1)
    ) {
      block = { count: above.count + block.count, failed: above.failed + block.failed };
      blocks.pop();
    }
    blocks.push(block);
  }
  return blocks;
}

/** Σ (y − mean y)² of a block. */
function spread({ count, failed }: Block): number {
  return (failed * (count - failed)) / count;
}
