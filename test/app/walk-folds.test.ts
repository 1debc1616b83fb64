/** Which steps each fold of a walk-forward backtest learns from, and which it judges. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadYaml } from '../../app/config-file.js';
import { type Fold, foldsOf, trainingOf } from '../../app/walk/folds.js';
import { walkProtocolSchema } from '../../app/walk/protocol.js';
import { walkingBaselines } from '../../backtest/baselines/walking.js';
import type { History } from '../../domain/features.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';

const dayMs = 86_400_000;
const daily = (step: object, horizonSteps = 10): MachineType =>
  machineTypeSchema.parse({ name: 'pump', sensors: [{ name: 'temp' }], step, horizonSteps, windowSteps: 5 });
const utc = daily({ kind: 'fixed', durationMs: '24h' });
const startMs = Date.UTC(2025, 0, 1);
const extent = { fromMs: startMs + dayMs / 2, untilMs: startMs + 100 * dayMs };
const protocol = (change: object) => walkProtocolSchema.parse({ from: '2025-02-10', ...change });
/** Days since the start of the year: first and last origin, and the steps learned from. */
const days = (folds: readonly Fold[]) =>
  folds.map(({ fromMs, lastOriginMs, trainFromMs, trainUntilMs }) =>
    [fromMs, lastOriginMs, trainFromMs, trainUntilMs].map((timeMs) => (timeMs - startMs) / dayMs),
  );

test('without refitting there is one fold, up to the last origin of which something is known', () => {
  assert.deepEqual(days(foldsOf(protocol({}), utc, extent)), [[40, 99, 0, 30]]);
});

test('folds follow one another, a horizon behind what they judge; the window expands or slides', () => {
  const expanding = foldsOf(protocol({ refitEverySteps: 25, to: '2025-04-05' }), utc, extent);
  assert.deepEqual(days(expanding), [
    [40, 64, 0, 30],
    [65, 89, 0, 55],
    [90, 94, 0, 80],
  ]);
  const sliding = foldsOf(protocol({ refitEverySteps: 25, trainingSteps: 40, purgeSteps: 0 }), utc, extent);
  assert.deepEqual(days(sliding), [
    [40, 64, 0, 40],
    [65, 89, 25, 65],
    [90, 99, 50, 90],
  ]);
});

test('days are those of the zone of the steps, of 23 hours when clocks change', () => {
  const berlin = daily({ kind: 'calendar-day', timeZone: 'Europe/Berlin' });
  const folds = foldsOf(
    protocol({ from: '2025-03-29', refitEverySteps: 1, to: '2025-03-31' }),
    berlin,
    extent,
  );
  assert.deepEqual(
    folds.map(({ fromMs, toMs }) => [new Date(fromMs).toISOString(), toMs - fromMs + 1]),
    [
      ['2025-03-28T23:00:00.000Z', dayMs],
      ['2025-03-29T23:00:00.000Z', dayMs - dayMs / 24],
      ['2025-03-30T22:00:00.000Z', 1],
    ],
  );
});

test('of any protocol, judged time has no gap or overlap, and no row or label reaches into it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 21, max: 90 }),
      (refitEverySteps, trainingSteps, purgeSteps, fromDay) => {
        const from = new Date(startMs + fromDay * dayMs).toISOString();
        const folds = foldsOf(protocol({ from, refitEverySteps, trainingSteps, purgeSteps }), utc, extent);
        folds.slice(1).forEach((fold, index) => {
          assert.equal(fold.fromMs, (folds[index]?.toMs as number) + 1);
        });
        assert.equal(folds.at(-1)?.toMs, extent.untilMs - 1);
        for (const fold of folds) {
          const [training] = trainingOf(fold, [failing(77)], new Set(['pump-1']));
          assert.ok(training);
          assert.equal(training.rows.length, training.stepCount);
          for (let row = 0; row < training.stepCount; row++) {
            const originMs = training.originsMs[row] as number;
            assert.equal(training.rows[row], (originMs - startMs) / dayMs);
            assert.ok(originMs > fold.trainFromMs && originMs <= fold.fromMs - purgeSteps * dayMs);
            assert.ok(originMs + (training.knownDays[row] as number) * dayMs <= fold.fromMs);
            assert.ok((training.eventDay[row] as number) <= (training.knownDays[row] as number));
          }
          assert.deepEqual(trainingOf(fold, [failing(77)], new Set(['pump-2'])), []);
        }
      },
    ),
  );
});

test('the example and a mistaken protocol', () => {
  const example = loadYaml('examples/simulated/walk.yaml', walkProtocolSchema);
  assert.deepEqual(example, {
    ...{ data: 'factory.yaml', from: '2026-04-15', refitEverySteps: 30 },
    ...{ trainMachines: ['*'], judgeMachines: ['*'], seeds: [1], refit: 'always' },
  });
  const folder = mkdtempSync(join(tmpdir(), 'millwright-walk-'));
  const file = join(folder, 'walk.yaml');
  writeFileSync(file, 'from: July\nrefitEverySteps: 0\nseeds: [1, 1]\nrefit: never\nretrain: no\n');
  try {
    assert.throws(
      () => loadYaml(file, walkProtocolSchema),
      ({ message }: Error) =>
        [
          /walk\.yaml:1:7: from: got "July"; write a day such as 2025-07-01/,
          /:2:18: refitEverySteps: got 0; write at least 1/,
          /:3:8: seeds: .*name each seed once/,
          /:4:8: refit: got "never"; /,
          /:5:1: retrain: unknown key/,
        ].every((pattern) => pattern.test(message)) || assert.fail(message),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('baselines that walk answer with those of the stretch that an origin lies in', () => {
  const history = failing(77);
  const fitted = (value: number) => {
    const baseline = { name: 'marginal', predict: () => Float64Array.of(value) };
    return { reference: baseline, referenceAt: () => Float64Array.of(value), others: [baseline] };
  };
  const walking = walkingBaselines([
    { fromMs: startMs + 40 * dayMs, baselines: fitted(1) },
    { fromMs: startMs + 65 * dayMs, baselines: fitted(2) },
  ]);
  // Row 39 ends with day 40.
  for (const [row, value] of [
    [39, 1],
    [63, 1],
    [64, 2],
    [98, 2],
  ] as const) {
    assert.deepEqual(walking.reference.predict(history, row), Float64Array.of(value));
    assert.deepEqual(walking.others[0]?.predict(history, row), Float64Array.of(value));
    assert.deepEqual(walking.referenceAt(history.originsMs[row] as number), Float64Array.of(value));
  }
  assert.throws(() => walking.reference.predict(history, 38), /baselines for the origin 2025-02-09/);
});

/** Runs a hundred days and fails on one of them; the only feature is the day that the row ends. */
function failing(day: number): History {
  const ends = Array.from({ length: 100 }, (_, row) => row + 1);
  const until = ends.map((end) => (end < day ? day - end : Number.POSITIVE_INFINITY));
  return {
    machine: 'pump-1',
    rows: Float32Array.from(ends),
    stepCount: 100,
    originsMs: Float64Array.from(ends, (end) => startMs + end * dayMs),
    eventDay: Uint8Array.from(until, (left) => (left <= 10 ? left : 0)),
    knownDays: Uint8Array.from(until, (left, row) => Math.min(10, left, 99 - row)),
  };
}
