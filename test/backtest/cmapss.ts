import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Baseline } from '../../backtest/baselines/baseline.js';
import type { Judged } from '../../backtest/judged.js';
import { brierByDay, meanOverDays } from '../../backtest/metrics/brier.js';
import { timeDependentConcordance } from '../../backtest/metrics/concordance.js';
import type { FeatureSpec, History } from '../../domain/features.js';

const folder = resolve('../shared/data/cmapss');
export const skipWithoutCmapss = existsSync(folder) ? false : `NOT CHECKED: ${folder} is absent`;

export const dayMs = 86_400_000;
/** Columns of the files: id, cycle, 3 settings, 21 sensors; these sensors vary in FD001. */
const sensors = [2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21];

export const spec: FeatureSpec = {
  machineType: 'turbofan',
  names: ['age', ...sensors.map((sensor) => `s${sensor}.mean`)],
  units: ['d', ...sensors.map(() => '')],
  settingColumns: [],
  windowSteps: 30,
  contextSteps: 60,
  horizonSteps: 30,
};

const numbersOf = (file: string): number[][] =>
  gunzipSync(readFileSync(resolve(folder, `${file}.txt.gz`)))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));

/** Every engine of a part as one history, a cycle as a day, with its failure after the record's end known. */
export function readEngines(part: 'train' | 'test', subset: string): History[] {
  const left = part === 'test' ? numbersOf(`RUL_${subset}`).map((row) => row[0] as number) : undefined;
  const byEngine = new Map<number, number[][]>();
  for (const row of numbersOf(`${part}_${subset}`)) {
    const engine = row[0] as number;
    byEngine.set(engine, [...(byEngine.get(engine) ?? []), row]);
  }
  return [...byEngine].map(([engine, cycles]) => {
    const stepCount = cycles.length;
    const life = stepCount + (left?.[engine - 1] ?? 0);
    const days = cycles.map((_, i) => life - (i + 1));
    return {
      machine: `engine-${engine}`,
      rows: Float32Array.from(
        cycles.flatMap((row) => [
          (row[1] as number) - 1,
          ...sensors.map((sensor) => row[4 + sensor] as number),
        ]),
      ),
      stepCount,
      originsMs: Float64Array.from(cycles, (_, i) => (i + 1) * dayMs),
      eventDay: Uint8Array.from(days, (day) => (day <= 30 ? day : 0)),
      knownDays: Uint8Array.from(days, (day) => Math.min(day, 30)),
    };
  });
}

/** Mean Brier over days 1..30 and concordance at the last known cycle of every test engine. */
export function judgeLastCycles(baseline: Baseline, subset: string) {
  const rows = readEngines('test', subset).map((engine): Judged => {
    const row = engine.stepCount - 1;
    return {
      probabilities: baseline.predict(engine, row),
      eventDay: engine.eventDay[row] as number,
      knownDays: engine.knownDays[row] as number,
      observedDays: 30,
    };
  });
  return {
    meanBrier: meanOverDays(brierByDay(rows, 30, 'administrative')) as number,
    concordance: timeDependentConcordance(rows, 30) as number,
  };
}
