import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { knownAt } from '../../model/known-at.js';
import { foldMachines, splitMachines, splitTime } from '../../model/split.js';
import { smallHistories } from './fixtures.js';

const histories = smallHistories(20);
const dayMs = 86_400_000;
const machinesOf = (list: readonly History[]) => list.map(({ machine }) => machine).sort();
const calmOnes = (count: number) =>
  smallHistories(count, 9).map((history) => ({
    ...history,
    machine: `calm-${history.machine}`,
    eventDay: new Uint8Array(history.stepCount),
  }));

describe('the split by machines', () => {
  it('keeps all histories of a machine together, and failures on both sides', () => {
    const twoLives = histories.flatMap((history) => [history, { ...history, rows: history.rows.slice() }]);
    for (let seed = 1; seed <= 20; seed++) {
      const { training, validation } = splitMachines([...twoLives, ...calmOnes(10)], 0.2, new Rng(seed));
      const [a, b] = [new Set(machinesOf(training)), new Set(machinesOf(validation))];
      assert.ok([...a].every((machine) => !b.has(machine)));
      assert.equal(a.size + b.size, 30);
      assert.equal(b.size, 6);
      assert.equal(validation.length, 10);
    }
  });

  it('works with two machines, of which one failed', () => {
    const [one, two] = histories as [History, History];
    const calm = { ...two, eventDay: new Uint8Array(two.stepCount) };
    const { training, validation } = splitMachines([one, calm], 0.2, new Rng(1));
    assert.deepEqual([machinesOf(training), machinesOf(validation)], [[one.machine], [two.machine]]);
  });
});

describe('folds', () => {
  it('hold every machine once, of nearly equal size, failures spread as evenly', () => {
    for (const count of [2, 3, 7]) {
      const folds = foldMachines([...histories, ...calmOnes(9)], count, new Rng(count));
      assert.deepEqual(folds.flatMap(machinesOf).sort(), machinesOf([...histories, ...calmOnes(9)]));
      const spread = (sizes: readonly number[]) => Math.max(...sizes) - Math.min(...sizes);
      assert.ok(spread(folds.map(({ length }) => length)) <= 1);
      const failing = folds.map(
        (fold) => fold.filter(({ eventDay }) => eventDay.some((day) => day > 0)).length,
      );
      assert.ok(spread(failing) <= 1 && Math.min(...failing) > 0);
    }
  });

  it('are refused where there are fewer failures than folds', () => {
    assert.throws(
      () => foldMachines([...histories.slice(0, 3), ...calmOnes(9)], 4, new Rng(1)),
      (error: unknown) => error instanceof UserError && /4 folds need .* there are 3/.test(error.message),
    );
  });
});

describe('the split by time', () => {
  it('lets no label reach over the cut, and judges only after it', () => {
    const { training, validation, origins } = splitTime(histories, 0.3);
    const cutMs = Math.min(...origins.map(({ history, step }) => history.originsMs[step] as number));
    const all = histories.flatMap(({ knownDays }) => [...knownDays]).filter((days) => days > 0).length;
    assert.ok(Math.abs(origins.length / all - 0.3) < 0.05);
    for (const { originsMs, knownDays, eventDay } of training)
      originsMs.forEach((originMs, step) => {
        assert.ok(originMs + (knownDays[step] as number) * dayMs <= cutMs);
        assert.ok((eventDay[step] as number) <= (knownDays[step] as number));
      });
    assert.ok(training.some(({ eventDay }) => eventDay.some((day) => day > 0)));
    assert.equal(new Set(validation).size, validation.length);
  });

  it('is refused where all failures are in the part that judges', () => {
    assert.throws(
      () => splitTime(histories.slice(0, 1), 0.9),
      /No failure is on record before .* \(from 1970/,
    );
  });
});

describe('what was known at a time', () => {
  it('is what a day-by-day reading of the same life says, for any time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 19 }), fc.integer({ min: -1, max: 45 }), (which, day) => {
        const history = histories[which] as History;
        const timeMs = day * dayMs + 5;
        const known = knownAt(history, timeMs);
        const failsOn = history.stepCount; // fixtures: the step after the last row, from 0
        const rows = Math.max(0, Math.min(history.stepCount, day));
        assert.equal(known.stepCount, rows);
        assert.deepEqual(known.rows, history.rows.slice(0, (rows * history.rows.length) / history.stepCount));
        for (let step = 0; step < rows; step++) {
          const left = failsOn - 1 - step;
          const passed = Math.min(day - 1 - step, left, 5);
          assert.equal(known.knownDays[step], passed, `step ${step} of ${history.stepCount} on day ${day}`);
          assert.equal(known.eventDay[step], left >= 1 && left <= passed ? left : 0);
        }
      }),
    );
  });
});
