import { assert } from '../../domain/assert.js';
import type { History } from '../../domain/features.js';
import type { JudgedForecast } from '../rows.js';

/** A plain way to forecast, fitted on training histories, that a network has to beat on the same rows. */
export interface Baseline {
  readonly name: string;
  /** [H] F_1..F_H at the origin of row `row` of the history. Reads rows 0..row only. */
  predict(history: History, row: number): Float64Array;
}

/** Where a machine's origin is in the histories (a machine may have several, one per life). */
export type FindRow = (
  machine: string,
  originMs: number,
) => { readonly history: History; readonly row: number } | undefined;

export function indexHistories(histories: readonly History[]): FindRow {
  const byMachine = new Map<string, Map<number, { history: History; row: number }>>();
  for (const history of histories) {
    let own = byMachine.get(history.machine);
    if (!own) {
      own = new Map();
      byMachine.set(history.machine, own);
    }
    for (let row = 0; row < history.stepCount; row++)
      own.set(history.originsMs[row] as number, { history, row });
  }
  return (machine, originMs) => byMachine.get(machine)?.get(originMs);
}

/** The baseline's curves on exactly the rows that the forecasts were judged on; all of them must be found. */
export function judgeBaseline(
  baseline: Baseline,
  find: FindRow,
  rows: readonly JudgedForecast[],
): JudgedForecast[] {
  return rows.map((row) => {
    const found = find(row.machine, row.originMs);
    assert(found, `a history row of ${row.machine} at ${new Date(row.originMs).toISOString()}`);
    const probabilities = baseline.predict(found.history, found.row);
    return { ...row, status: 'ok', reason: '', probabilities };
  });
}
