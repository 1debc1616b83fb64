import { assert } from '../../domain/assert.js';
import type { History } from '../../domain/features.js';
import type { JudgedForecast } from '../rows.js';

/** A plain way to forecast, fitted on training histories, that a network has to beat on the same rows. */
export interface Baseline {
  readonly name: string;
  /** [H] F_1..F_H at the origin of row `row` of the history. Reads rows 0..row only. */
  predict(history: History, row: number): Float64Array;
}

/** F_k = 1 − Π_{j≤k} (1 − h_j) in place: hazards in, failure probabilities out. */
export function accumulateHazards(hazards: Float64Array): Float64Array {
  let survival = 1;
  for (let k = 0; k < hazards.length; k++) {
    survival *= 1 - (hazards[k] as number);
    hazards[k] = 1 - survival;
  }
  return hazards;
}

/**
 * The baseline's curves on exactly the rows that the forecasts were judged on. `histories` must hold every one of
 * them (a machine may have several, one per life).
 */
export function judgeBaseline(
  baseline: Baseline,
  histories: readonly History[],
  rows: readonly JudgedForecast[],
): JudgedForecast[] {
  const byMachine = new Map<string, History[]>();
  for (const history of histories) {
    const own = byMachine.get(history.machine);
    if (own) own.push(history);
    else byMachine.set(history.machine, [history]);
  }
  return rows.map((row) => ({
    ...row,
    status: 'ok',
    reason: '',
    probabilities: predictAt(baseline, byMachine.get(row.machine) ?? [], row),
  }));
}

function predictAt(baseline: Baseline, lives: readonly History[], row: JudgedForecast): Float64Array {
  for (const history of lives) {
    const index = history.originsMs.indexOf(row.originMs);
    if (index >= 0) return baseline.predict(history, index);
  }
  assert(false, `a history row of ${row.machine} at ${new Date(row.originMs).toISOString()}`);
}
