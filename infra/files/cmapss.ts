/**
 * Reads NASA's C-MAPSS turbofan files (Saxena, Goebel, Simon & Eklund 2008, PHM08): 26 columns, one row a cycle.
 *
 * A cycle is a day. All engines start on the day of `startMs`; cycle c is day c - 1 after it, read at noon.
 *
 * Labels. An engine of the training files fails in its last recorded cycle L, at 18:00 of that day: after its last
 * reading, inside its last step. Seen from the end of cycle c (the origin), day k is cycle c + k, so the failure falls
 * on day k = L - c: NASA's remaining useful life, 0 at the last row, which is no origin because nothing is left to
 * forecast. An engine of the test files whose record stops at cycle c with remaining life r (RUL_FD00x.txt) fails at
 * 18:00 of cycle c + r. That is in `failuresMs`, for the judge; `records()` shows only what the file holds, so for a
 * test engine no failure (r > 0). Counted so, the marginal hazard scores .0946 on FD001, as other implementations of
 * this convention find (test/infra/files-cmapss.test.ts).
 */
import { join } from 'node:path';
import { assert } from '../../domain/assert.js';
import type { Dataset, DatasetRecord, MachineRecord } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import { findDataFile, readLines } from './open-text.js';

const dayMs = 86_400_000;
const readAtMs = 12 * 3_600_000;
const failAtMs = 18 * 3_600_000;

/** Columns 3 to 26, in the order of the files; symbols of Saxena et al. 2008, Table 2. */
export const cmapssSensors = [
  'altitude',
  'mach',
  'throttle',
  'T2',
  'T24',
  'T30',
  'T50',
  'P2',
  'P15',
  'P30',
  'Nf',
  'Nc',
  'epr',
  'Ps30',
  'phi',
  'NRf',
  'NRc',
  'BPR',
  'farB',
  'htBleed',
  'Nf_dmd',
  'PCNfR_dmd',
  'W31',
  'W32',
] as const;

export const cmapssSubsets = ['FD001', 'FD002', 'FD003', 'FD004'] as const;
export type CmapssSubset = (typeof cmapssSubsets)[number];

export interface CmapssOptions {
  /** Folder of the files, plain or .gz. */
  readonly dir: string;
  readonly subset: CmapssSubset;
  /** 'train': run to failure. 'test': cut off before it; needs RUL_FD00x.txt. */
  readonly part: 'train' | 'test';
  /** Start of the day of every engine's first cycle. Default 2026-01-01T00:00Z. */
  readonly startMs?: number;
  /** Machine id is this and the engine's number. Default "unit-" for train, "test-" for test. */
  readonly idPrefix?: string;
  /** Engine numbers to keep; all when left out. */
  readonly units?: readonly number[];
}

interface Engine {
  readonly unit: number;
  /** [cycles × 24] row-major. */
  readonly rows: number[];
}

/** Reads the files whole (FD004, the largest, is 61,249 rows: 12 MB). A row that is not 26 numbers is a UserError. */
export async function readCmapss(options: CmapssOptions): Promise<Dataset> {
  const { dir, subset, part, startMs = Date.UTC(2026, 0, 1) } = options;
  const prefix = options.idPrefix ?? (part === 'train' ? 'unit-' : 'test-');
  const all = await readEngines(findDataFile(join(dir, `${part}_${subset}.txt`)));
  const lives = part === 'train' ? all.map(() => 0) : await readRemainingLives(dir, subset, all.length);
  const wanted = options.units === undefined ? undefined : new Set(options.units);
  for (const unit of wanted ?? [])
    if (!all.some((engine) => engine.unit === unit))
      throw new UserError(`${part}_${subset} has no engine ${unit}; it has engines 1 to ${all.length}`);

  const engines: Engine[] = [];
  const machines: MachineRecord[] = [];
  all.forEach((engine, index) => {
    if (wanted !== undefined && !wanted.has(engine.unit)) return;
    const cycles = engine.rows.length / cmapssSensors.length;
    const remaining = lives[index];
    assert(remaining !== undefined, 'a remaining life for every engine');
    const failureMs = startMs + (cycles + remaining - 1) * dayMs + failAtMs;
    engines.push(engine);
    machines.push({
      machine: `${prefix}${engine.unit}`,
      attributes: {},
      firstMs: startMs + readAtMs,
      lastMs: remaining === 0 ? failureMs : startMs + (cycles - 1) * dayMs + readAtMs,
      knownUntilMs: failureMs,
      failuresMs: [failureMs],
    });
  });

  return {
    name: `C-MAPSS ${subset} ${part}`,
    machines,
    skipped: [],
    async *records(): AsyncGenerator<DatasetRecord> {
      const width = cmapssSensors.length;
      const last = Math.max(0, ...engines.map((engine) => engine.rows.length / width));
      for (let cycle = 0; cycle < last; cycle++) {
        const timeMs = startMs + cycle * dayMs + readAtMs;
        const failing: DatasetRecord[] = [];
        for (const [index, engine] of engines.entries()) {
          const record = machines[index];
          assert(record !== undefined, 'a record for every engine');
          if (cycle * width >= engine.rows.length) continue;
          const values: Record<string, number> = {};
          for (const [column, name] of cmapssSensors.entries())
            values[name] = engine.rows[cycle * width + column] as number;
          yield { kind: 'readings', machine: record.machine, timeMs, values };
          if ((cycle + 1) * width === engine.rows.length && record.lastMs === record.failuresMs[0])
            failing.push({
              kind: 'event',
              machine: record.machine,
              timeMs: record.lastMs,
              event: 'failure',
              code: '',
            });
        }
        yield* failing;
      }
    },
  };
}

async function readEngines(file: string): Promise<Engine[]> {
  const engines: Engine[] = [];
  let lineNumber = 0;
  for await (const line of readLines(file)) {
    lineNumber++;
    const text = line.trim();
    if (text === '') continue;
    const numbers = text.split(/\s+/).map(Number);
    if (numbers.length !== 2 + cmapssSensors.length || !numbers.every(Number.isFinite))
      throw new UserError(
        `${file}:${lineNumber}: expected ${2 + cmapssSensors.length} numbers (unit, cycle, 3 settings, 21 sensors), got "${text.slice(0, 60)}"`,
      );
    const [unit = 0, cycle = 0] = numbers;
    let engine = engines.at(-1);
    if (engine?.unit !== unit) {
      engine = { unit, rows: [] };
      engines.push(engine);
    }
    const expected = engine.rows.length / cmapssSensors.length + 1;
    if (cycle !== expected)
      throw new UserError(
        `${file}:${lineNumber}: unit ${unit} goes on with cycle ${cycle}, expected ${expected}; the file is not whole or not in order`,
      );
    for (let column = 2; column < numbers.length; column++) engine.rows.push(numbers[column] as number);
  }
  if (engines.length === 0) throw new UserError(`${file} is empty; copy it again`);
  return engines;
}

async function readRemainingLives(dir: string, subset: string, count: number): Promise<number[]> {
  const file = findDataFile(join(dir, `RUL_${subset}.txt`));
  const lives: number[] = [];
  for await (const line of readLines(file)) {
    const text = line.trim();
    if (text === '') continue;
    const life = Number(text);
    if (!Number.isInteger(life) || life < 0)
      throw new UserError(
        `${file}:${lives.length + 1}: expected a number of cycles, got "${text.slice(0, 60)}"`,
      );
    lives.push(life);
  }
  if (lives.length !== count)
    throw new UserError(
      `${file} has ${lives.length} lines for ${count} engines of test_${subset}; the files do not belong together`,
    );
  return lives;
}
