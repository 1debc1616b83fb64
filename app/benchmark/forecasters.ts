/** Networks and baselines put to the same origins. */
import type { Baseline } from '../../backtest/baselines/baseline.js';
import { expectedLifeDays } from '../../backtest/metrics/remaining-life.js';
import type { Outcome } from '../../backtest/observation.js';
import type { History } from '../../domain/features.js';
import type { NetworkPredictor } from '../../model/predict.js';
import { windowOf } from '../../model/windows.js';
import { lifeCapDays, type ScoredRow } from './scores.js';

/** The newest row of a forecast's window, and what came after it. */
export interface JudgedOrigin {
  readonly history: History;
  /** Row of the history. */
  readonly step: number;
  readonly outcome: Outcome;
  /** Days to the failure, 1 for one on the day after the origin (as NASA counts them); NaN where no failure is on record. */
  readonly remainingDays: number;
}

/** Windows cut at a time: all origins of a subset at once would be half a gigabyte. */
const chunkWindows = 1024;

/** Remaining life is what the network says where it learned it, else what its curve implies. */
export async function forecastOrigins(
  predictor: NetworkPredictor,
  origins: readonly JudgedOrigin[],
  signal?: AbortSignal,
): Promise<ScoredRow[]> {
  const { horizonSteps } = predictor.spec;
  const rows: ScoredRow[] = [];
  for (let from = 0; from < origins.length; from += chunkWindows) {
    signal?.throwIfAborted();
    const chunk = origins.slice(from, from + chunkWindows);
    const { probabilities, remainingLifeSteps } = await predictor.foresee(
      chunk.map((origin) => windowOf(predictor.spec, origin)),
    );
    chunk.forEach((origin, index) => {
      const curve = probabilities.subarray(index * horizonSteps, (index + 1) * horizonSteps);
      const saidDays = remainingLifeSteps?.[index] ?? expectedLifeDays(curve, lifeCapDays);
      rows.push(scoredRow(origin, curve, saidDays));
    });
  }
  return rows;
}

export function forecastWithBaseline(baseline: Baseline, origins: readonly JudgedOrigin[]): ScoredRow[] {
  return origins.map((origin) => {
    const curve = baseline.predict(origin.history, origin.step);
    return scoredRow(origin, curve, expectedLifeDays(curve, lifeCapDays));
  });
}

function scoredRow(origin: JudgedOrigin, probabilities: ArrayLike<number>, saidDays: number): ScoredRow {
  return { ...origin.outcome, probabilities, saidDays, actualDays: origin.remainingDays };
}
