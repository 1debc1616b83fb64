// What the files tell of a machine's fate: up to when it is watched decides which forecast is its last one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observe } from '../../app/fates.js';
import { makeStepCalendar } from '../../stream/step-calendar.js';

const dayMs = 86_400_000;
const calendar = makeStepCalendar({ kind: 'fixed', durationMs: dayMs });
const noonOf = (day: number) => day * dayMs + dayMs / 2;

test('a machine that was cut off is watched to the end of the step of its last reading: the forecast with it counts', () => {
  const observed = observe(
    {
      machine: 'test-1',
      attributes: {},
      firstMs: noonOf(0),
      lastMs: noonOf(9),
      knownUntilMs: noonOf(20),
      failuresMs: [noonOf(20)],
    },
    calendar,
  );
  assert.equal(observed.watchedUntilMs, 10 * dayMs);
  assert.equal(observed.recordEndMs, noonOf(20));
  assert.equal(observed.observedUntilMs, Number.POSITIVE_INFINITY);
});

test('a machine whose record ends with its failure is watched up to that: nothing is left to forecast after it', () => {
  const failureMs = noonOf(9) + 6 * 3_600_000;
  const observed = observe(
    {
      machine: 'unit-1',
      attributes: {},
      firstMs: noonOf(0),
      lastMs: failureMs,
      knownUntilMs: failureMs,
      failuresMs: [failureMs],
    },
    calendar,
  );
  assert.equal(observed.watchedUntilMs, failureMs);
  assert.equal(observed.recordEndMs, failureMs);
});

test('of a machine without a failure nothing is known beyond its record', () => {
  const observed = observe(
    {
      machine: 'press-1',
      attributes: {},
      firstMs: noonOf(0),
      lastMs: noonOf(9),
      knownUntilMs: noonOf(9),
      failuresMs: [noonOf(3)],
    },
    calendar,
  );
  assert.deepEqual(
    [observed.watchedUntilMs, observed.recordEndMs, observed.observedUntilMs],
    [10 * dayMs, noonOf(9), noonOf(9)],
  );
});
