// Two results on the same machines are told apart by the machines, and not compared when their rows differ.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BacktestResult, compareResults } from '../../backtest/compare-results.js';
import { UserError } from '../../domain/errors.js';

/** Machines of ten rows a day each; `worse` is added to every squared error. */
const result = (name: string, worse: (machine: number) => number, count = 10): BacktestResult => ({
  dataset: name,
  horizonDays: 3,
  forecasters: [
    {
      name,
      errors: Object.fromEntries(
        Array.from({ length: 30 }, (_, machine) => [
          `m${machine}`,
          {
            error: [1, 2, 3].map((day) => count * (0.05 * day + (machine % 2 ? 0.1 : 0) + worse(machine))),
            count: [count, count, count],
          },
        ]),
      ),
    },
  ],
});
const plain = result('a', () => 0);

test('a small difference on every machine is told, day by day, though machines differ by more', () => {
  const { scores, machineCount } = compareResults(
    plain,
    result('b', (machine) => -0.01 - 0.001 * (machine % 3)),
  );
  assert.equal(machineCount, 30);
  assert.deepEqual(
    scores.map(({ day }) => day),
    [null, 1, 3],
  );
  for (const { a, b, difference } of scores) {
    assert.ok(Math.abs((b as number) - (a as number) + 0.011) < 1e-12);
    assert.ok(difference && difference.low >= -0.012 && difference.high <= -0.01, JSON.stringify(difference));
  }
  assert.ok(Math.abs((scores[1]?.a as number) - 0.1) < 1e-12);
  assert.ok(Math.abs((scores[2]?.a as number) - 0.2) < 1e-12);
});

test('better on some machines and worse on others is luck', () => {
  const { scores } = compareResults(
    plain,
    result('b', (machine) => (machine % 4 < 2 ? 0.03 : -0.03)),
  );
  assert.ok(scores.every(({ difference }) => difference && difference.low < 0 && difference.high > 0));
});

test('other rows are refused', () => {
  assert.throws(
    () =>
      compareResults(
        plain,
        result('b', () => 0, 9),
      ),
    (error: unknown) =>
      error instanceof UserError && /of m0 a has 10 and b has 9 on day 1/.test(error.message),
  );
});
