import { assert } from '../../domain/assert.js';
import type { Baseline } from './baseline.js';
import type { Baselines } from './fit-baselines.js';

/** Baselines that forecast the origins from a time on, until the next ones do. */
export interface BaselinesFrom {
  readonly fromMs: number;
  readonly baselines: Baselines;
}

/** Baselines that are fitted anew from time to time, as one. `stretches` ascend; no origin lies before the first. */
export function walkingBaselines(stretches: readonly BaselinesFrom[]): Baselines {
  const at = (originMs: number): Baselines => {
    const found = stretches.findLast(({ fromMs }) => fromMs <= originMs);
    assert(found, `baselines for the origin ${new Date(originMs).toISOString()}`);
    return found.baselines;
  };
  const [first] = stretches;
  assert(first, 'a stretch of time');
  const walking = (pick: (baselines: Baselines) => Baseline): Baseline => ({
    name: pick(first.baselines).name,
    predict: (history, row) => pick(at(history.originsMs[row] as number)).predict(history, row),
  });
  return {
    reference: walking(({ reference }) => reference),
    referenceAt: (originMs) => at(originMs).referenceAt(originMs),
    others: first.baselines.others.map(({ name }, index) =>
      walking(({ others }) => {
        const other = others[index];
        assert(other?.name === name, `the same baselines in every stretch, ${name} among them`);
        return other;
      }),
    ),
  };
}
