/** C-MAPSS text files as histories, for tests of the network alone. A cycle counts as a day. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { FeatureSpec, FeatureWindow, History } from '../../domain/features.js';

const folder = resolve(process.cwd(), '../shared/data/cmapss');
export const cmapssIsHere = existsSync(folder);
const dayMs = 86_400_000;

export function cmapssSpec(windowSteps = 30, contextSteps = 60): FeatureSpec {
  const settings = [1, 2, 3].map((n) => `setting${n}.mean`);
  const sensors = Array.from({ length: 21 }, (_, n) => `s${n + 1}.mean`);
  const names = [...settings, ...sensors, 'age'];
  return {
    machineType: 'turbofan',
    names,
    units: names.map(() => ''),
    settingColumns: [0, 1, 2],
    windowSteps,
    contextSteps,
    horizonSteps: 30,
  };
}

function lines(file: string): number[][] {
  const text = gunzipSync(readFileSync(join(folder, `${file}.txt.gz`))).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).map(Number));
}

/** `afterSteps` per unit: cycles between its last row and its failure; 0 where the last row is the failing cycle. */
function histories(file: string, afterSteps: (unit: number) => number): History[] {
  const units = new Map<number, number[][]>();
  for (const row of lines(file)) {
    const rows = units.get(row[0]!) ?? [];
    rows.push(row);
    units.set(row[0]!, rows);
  }
  return [...units].map(([unit, rows]) => {
    const width = rows[0]!.length - 1;
    const values = new Float32Array(rows.length * width);
    const eventDay = new Uint8Array(rows.length);
    const knownDays = new Uint8Array(rows.length);
    rows.forEach((row, step) => {
      values.set(row.slice(2), step * width);
      values[step * width + width - 1] = step;
      const left = rows.length - 1 - step + afterSteps(unit);
      eventDay[step] = left >= 1 && left <= 30 ? left : 0;
      knownDays[step] = Math.min(left, 30);
    });
    return {
      machine: `${file}-${unit}`,
      rows: values,
      stepCount: rows.length,
      originsMs: Float64Array.from(rows, (_, step) => (step + 1) * dayMs),
      eventDay,
      knownDays,
    };
  });
}

export function trainHistories(subset: string): History[] {
  return histories(`train_${subset}`, () => 0);
}

export function testHistories(subset: string): History[] {
  const left = testLives(subset);
  return histories(`test_${subset}`, (unit) => left[unit - 1]!);
}

/** Cycles that each test engine runs on after its last row. */
export function testLives(subset: string): number[] {
  return lines(`RUL_${subset}`).map(([value]) => value!);
}

export function lastWindow(history: History, spec: FeatureSpec): FeatureWindow {
  const width = spec.names.length;
  const rows = new Float32Array(spec.contextSteps * width).fill(NaN);
  const count = Math.min(history.stepCount, spec.contextSteps);
  rows.set(history.rows.subarray((history.stepCount - count) * width), (spec.contextSteps - count) * width);
  return { rows, stepCount: count };
}

/** Mean over days 1..H of the Brier score at the last known cycle of every engine. */
export function meanBrier(
  probabilities: Float32Array,
  tested: readonly History[],
  horizonSteps: number,
): number {
  let sum = 0;
  tested.forEach(({ eventDay, stepCount }, index) => {
    const event = eventDay[stepCount - 1]!;
    for (let day = 1; day <= horizonSteps; day++)
      sum += (probabilities[index * horizonSteps + day - 1]! - (event > 0 && event <= day ? 1 : 0)) ** 2;
  });
  return sum / (tested.length * horizonSteps);
}
