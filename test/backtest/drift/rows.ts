/** Rows for tests of drift: features by name, machines with a level and noise of their own. */

import type { FeatureSpec, History } from '../../../domain/features.js';
import { Rng } from '../../../domain/rng.js';

export const dayMs = 86_400_000;

export function specOf(names: readonly string[]): FeatureSpec {
  return {
    machineType: 'press',
    names,
    units: names.map(() => ''),
    settingColumns: [],
    windowSteps: 30,
    contextSteps: 60,
    horizonSteps: 30,
  };
}

/** A machine that ran for so many days; `valueOf` gives its features on a day, `rng` the machine's own noise. */
export function ran(
  machine: string,
  dayCount: number,
  valuesOn: (day: number, rng: Rng) => readonly number[],
  seed: number,
): History {
  const rng = new Rng(seed);
  for (let i = 0; i < 8; i++) rng.uniform();
  const rows = Array.from({ length: dayCount }, (_, day) => valuesOn(day, rng));
  return {
    machine,
    rows: Float32Array.from(rows.flat()),
    stepCount: dayCount,
    originsMs: Float64Array.from(rows, (_, day) => (day + 1) * dayMs),
    eventDay: new Uint8Array(dayCount),
    knownDays: new Uint8Array(dayCount).fill(30),
  };
}
