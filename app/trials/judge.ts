/** Judges a forecaster at origins of histories. */

import { type MachineErrors, machineErrors } from '../../backtest/metrics/bootstrap.js';
import { brierByDay, meanOverDays } from '../../backtest/metrics/brier.js';
import { timeDependentConcordance } from '../../backtest/metrics/concordance.js';
import type { JudgedForecast } from '../../backtest/rows.js';
import type { FeatureWindow, Predictor } from '../../domain/features.js';
import { fillWindow, type Origin } from '../../model/windows.js';

/** Windows cut at a time. */
const chunkWindows = 1024;

export interface JudgedScores {
  /** Mean Brier score over days 1..H; null where no outcome of a day is known. */
  readonly meanBrier: number | null;
  /** [H] */
  readonly brierByDay: readonly (number | null)[];
  readonly concordance: number | null;
  /** What intervals over machines are made from. */
  readonly errors: MachineErrors;
  readonly rowCount: number;
}

/** `curvesOf` gives F_1..F_H of every origin, in their order. */
export async function judge(
  origins: readonly Origin[],
  horizonDays: number,
  curvesOf: (origins: readonly Origin[]) => Promise<readonly ArrayLike<number>[]>,
): Promise<JudgedScores> {
  const curves = await curvesOf(origins);
  const rows = origins.map((origin, index) => rowAt(origin, horizonDays, curves[index] as ArrayLike<number>));
  const byDay = brierByDay(rows, horizonDays, 'known-status');
  return {
    meanBrier: meanOverDays(byDay),
    brierByDay: byDay,
    concordance: timeDependentConcordance(rows, horizonDays),
    errors: machineErrors(rows, horizonDays),
    rowCount: rows.length,
  };
}

export function judgePredictor(
  predictor: Predictor,
  origins: readonly Origin[],
  signal?: AbortSignal,
): Promise<JudgedScores> {
  const { spec } = predictor;
  const { horizonSteps, contextSteps, names } = spec;
  return judge(origins, horizonSteps, async () => {
    const curves: Float32Array[] = [];
    for (let from = 0; from < origins.length; from += chunkWindows) {
      signal?.throwIfAborted();
      const windows = origins.slice(from, from + chunkWindows).map((origin): FeatureWindow => {
        const rows = new Float32Array(contextSteps * names.length);
        fillWindow(rows, spec, origin);
        return { rows, stepCount: Math.min(origin.step + 1, contextSteps) };
      });
      const flat = await predictor.predict(windows);
      windows.forEach((_, index) => {
        curves.push(flat.subarray(index * horizonSteps, (index + 1) * horizonSteps));
      });
    }
    return curves;
  });
}

/** A history does not tell how long a machine that failed would have been watched: as long as the horizon. */
function rowAt(
  { history, step }: Origin,
  horizonDays: number,
  probabilities: ArrayLike<number>,
): JudgedForecast {
  const eventDay = history.eventDay[step] as number;
  const knownDays = history.knownDays[step] as number;
  return {
    machine: history.machine,
    originMs: history.originsMs[step] as number,
    status: 'ok',
    reason: '',
    probabilities,
    eventDay,
    knownDays,
    observedDays: eventDay > 0 ? horizonDays : knownDays,
  };
}
