// The C-MAPSS reader against facts of the files and against the labels of NASA's own convention, counted independently.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { DatasetRecord, MachineRecord } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import { cmapssSensors, readCmapss } from '../../infra/files/cmapss.js';

const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);
const shipped = 'data/cmapss';
const shared = '../shared/data/cmapss';

async function collect(records: AsyncIterable<DatasetRecord>): Promise<DatasetRecord[]> {
  const list: DatasetRecord[] = [];
  for await (const record of records) list.push(record);
  return list;
}

/** The file's rows, read without the reader. */
function rowsOf(dir: string, name: string): number[][] {
  return gunzipSync(readFileSync(join(dir, `${name}.gz`)))
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).map(Number));
}

test('FD001 train: every row of the file comes out, in time order, and every engine fails once', async () => {
  const dataset = await readCmapss({ dir: shipped, subset: 'FD001', part: 'train' });
  assert.equal(dataset.machines.length, 100);
  const records = await collect(dataset.records());
  const readings = records.filter((record) => record.kind === 'readings');
  const events = records.filter((record) => record.kind === 'event');
  assert.equal(readings.length, 20_631);
  assert.equal(events.length, 100);
  for (let i = 1; i < records.length; i++)
    assert.ok((records[i]?.timeMs ?? 0) >= (records[i - 1]?.timeMs ?? 0), `record ${i} goes back in time`);
  for (const row of rowsOf(shipped, 'train_FD001.txt').filter((_, index) => index % 997 === 0)) {
    const [unit = 0, cycle = 0, ...values] = row;
    const timeMs = startMs + (cycle - 1) * dayMs + dayMs / 2;
    const found = readings.find((record) => record.machine === `unit-${unit}` && record.timeMs === timeMs);
    assert.deepEqual(
      cmapssSensors.map((name) => (found?.kind === 'readings' ? found.values[name] : undefined)),
      values,
    );
  }
});

test('the day of failure seen from the end of each cycle is the remaining useful life', async () => {
  const dataset = await readCmapss({ dir: shipped, subset: 'FD001', part: 'train' });
  const cycles = new Map<number, number>();
  for (const [unit = 0, cycle = 0] of rowsOf(shipped, 'train_FD001.txt')) cycles.set(unit, cycle);
  for (const machine of dataset.machines) {
    const last = cycles.get(Number(machine.machine.slice(5))) ?? 0;
    const [failureMs = 0] = machine.failuresMs;
    for (let cycle = 1; cycle < last; cycle++) {
      const originMs = startMs + cycle * dayMs;
      assert.equal(Math.ceil((failureMs - originMs) / dayMs), last - cycle);
    }
    assert.ok(failureMs > machine.firstMs + (last - 1) * dayMs, 'the failure comes after the last reading');
    assert.equal(machine.knownUntilMs, failureMs);
  }
});

test('FD001 test: failures come from the RUL file and are not shown among the records', async (t) => {
  if (!existsSync(shared)) {
    t.skip(`SKIPPED LOUDLY: ${shared} is not there, the test part of C-MAPSS was not read`);
    return;
  }
  const dataset = await readCmapss({ dir: shared, subset: 'FD001', part: 'test' });
  const lives = rowsOf(shared, 'RUL_FD001.txt').map(([life]) => life);
  const cycles = new Map<number, number>();
  for (const [unit = 0, cycle = 0] of rowsOf(shared, 'test_FD001.txt')) cycles.set(unit, cycle);
  assert.equal(dataset.machines.length, 100);
  dataset.machines.forEach((machine, index) => {
    const originMs = startMs + (cycles.get(index + 1) ?? 0) * dayMs;
    assert.equal(Math.ceil(((machine.failuresMs[0] ?? 0) - originMs) / dayMs), lives[index], machine.machine);
  });
  const records = await collect(dataset.records());
  assert.equal(records.filter((record) => record.kind === 'event').length, 0);
  assert.equal(records.length, rowsOf(shared, 'test_FD001.txt').length);
});

test('the labels give the marginal hazard its measured Brier score of .0946 on the last cycles of FD001', async (t) => {
  if (!existsSync(shared)) {
    t.skip(`SKIPPED LOUDLY: ${shared} is not there, the labels were not scored`);
    return;
  }
  const dayOf = (machine: MachineRecord, originMs: number): number =>
    Math.ceil(((machine.failuresMs[0] ?? 0) - originMs) / dayMs);
  const train = await readCmapss({ dir: shared, subset: 'FD001', part: 'train' });
  const atRisk = new Float64Array(31);
  const failed = new Float64Array(31);
  for (const machine of train.machines)
    for (let originMs = startMs + dayMs; dayOf(machine, originMs) >= 1; originMs += dayMs) {
      const day = dayOf(machine, originMs);
      for (let k = 1; k <= Math.min(day, 30); k++) atRisk[k] = (atRisk[k] ?? 0) + 1;
      if (day <= 30) failed[day] = (failed[day] ?? 0) + 1;
    }
  const test = await readCmapss({ dir: shared, subset: 'FD001', part: 'test' });
  const lastDays = test.machines.map((machine) => dayOf(machine, machine.lastMs + dayMs / 2));
  let survival = 1;
  let sum = 0;
  for (let k = 1; k <= 30; k++) {
    survival *= 1 - (failed[k] ?? 0) / (atRisk[k] ?? 1);
    for (const day of lastDays) sum += ((day <= k ? 1 : 0) - (1 - survival)) ** 2;
  }
  assert.equal((sum / 30 / lastDays.length).toFixed(4), '0.0946');
});

test('a choice of engines keeps those, and an engine that is not there is named', async () => {
  const dataset = await readCmapss({ dir: shipped, subset: 'FD001', part: 'train', units: [81, 100] });
  assert.deepEqual(
    dataset.machines.map((machine) => machine.machine),
    ['unit-81', 'unit-100'],
  );
  await assert.rejects(
    readCmapss({ dir: shipped, subset: 'FD001', part: 'train', units: [101] }),
    (error) => error instanceof UserError && /no engine 101/.test(error.message),
  );
});

test('broken files are told by file and line', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-files-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const row = (unit: number, cycle: number): string => `${unit} ${cycle} ${'1.5 '.repeat(24)}`;
  const cases: [string, RegExp][] = [
    [`${row(1, 1)}\n1 2 3\n`, /train_FD001\.txt:2: expected 26 numbers/],
    [`${row(1, 1)}\n${row(1, 3)}\n`, /unit 1 goes on with cycle 3, expected 2/],
    ['', /is empty/],
  ];
  for (const [text, expected] of cases) {
    writeFileSync(join(dir, 'train_FD001.txt'), text);
    await assert.rejects(readCmapss({ dir, subset: 'FD001', part: 'train' }), expected);
  }
  rmSync(join(dir, 'train_FD001.txt'));
  await assert.rejects(
    readCmapss({ dir, subset: 'FD001', part: 'train' }),
    /there is neither .*train_FD001\.txt nor/,
  );
  const whole = gzipSync(Array.from({ length: 2000 }, (_, i) => row(1, i + 1)).join('\n'));
  writeFileSync(join(dir, 'train_FD001.txt.gz'), whole.subarray(0, whole.length / 2));
  await assert.rejects(readCmapss({ dir, subset: 'FD001', part: 'train' }), /not a whole gzip file/);
});
