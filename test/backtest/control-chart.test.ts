import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChartedPeriod, controlChart } from '../../backtest/control-chart.js';
import type { MachineErrors } from '../../backtest/metrics/bootstrap.js';
import type { Promised } from '../../backtest/promise.js';

const promisedOf = (
  brierByDay: readonly (number | null)[],
  errors: MachineErrors | null = null,
): Promised => ({
  source: errors ? 'backtest' : 'validation',
  machineCount: 9,
  brierByDay,
  meanBrier: null,
  errors,
});
const half = promisedOf([0.1, 0.2]);

/** Ten machines with two forecasts each, of which the second day has passed for one only; all alike. */
const period = (name: string, times: number, promised = half): ChartedPeriod => ({
  name,
  versions: [
    {
      promised,
      errors: Object.fromEntries(
        Array.from({ length: 10 }, (_, i) => [`m${i}`, { error: [0.2 * times, 0.2 * times], count: [2, 1] }]),
      ),
    },
  ],
});

test('error over what was promised of the days that have passed, by hand', () => {
  const [as, worse] = controlChart([period('a', 1), period('b', 1.5)]);
  assert.equal(as?.ratio?.toFixed(12), '1.000000000000');
  assert.equal(worse?.ratio?.toFixed(12), '1.500000000000');
  // A day of which nothing was promised is not counted; two versions are held to what each had promised.
  const [unpromised] = controlChart([period('c', 3, promisedOf([0.1, null]))]);
  assert.equal(unpromised?.ratio?.toFixed(12), '3.000000000000');
  const one = { m: { error: [0.3, 0.1], count: [1, 1] } };
  const other = { m: { error: [0.1, 0.1], count: [1, 0] }, n: { error: [0.2, 0], count: [1, 1] } };
  const [both] = controlChart([
    {
      name: 'd',
      versions: [
        { errors: one, promised: half },
        { errors: other, promised: promisedOf([0.3, 0.5]) },
      ],
    },
  ]);
  assert.equal(both?.ratio?.toFixed(12), ((0.4 + 0.2 + 0.2) / (0.3 + 0.3 + 0.3 + 0.5)).toFixed(12));
  assert.equal(both?.machineCount, 2);
});

test('two of three periods that are worse for sure: it has left the promise; one of three has not', () => {
  const chart = controlChart(
    [1, 1.5, 1, 1.5, 0.5, 1, 1.5, 1, 1, 1.5].map((times, i) => period(`${i}`, times)),
  );
  assert.deepEqual(
    chart.map(({ verdict }) => verdict[0]),
    [...'awawbawaaw'],
  );
  assert.deepEqual(
    chart.flatMap(({ left, name }) => (left ? [name] : [])),
    ['3'],
  );
});

test('where machines differ the interval is wide, and one bad machine of ten proves nothing', () => {
  const { versions, name } = period('a', 1);
  const [{ errors, promised }] = versions as [ChartedPeriod['versions'][number]];
  const spread = { ...errors, m0: { error: [2, 1], count: [2, 1] } };
  const [point] = controlChart([{ name, versions: [{ errors: spread, promised }] }]);
  assert(point?.interval && point.ratio && point.ratio > 1.5);
  assert(point.interval.low <= 1 && point.interval.high > 2, JSON.stringify(point.interval));
  assert.equal(point.verdict, 'as-promised');
});

test('a promise of few machines is itself uncertain, and makes the interval wider', () => {
  const machines: MachineErrors = {
    good: { error: [0.05, 0.1], count: [1, 1] },
    bad: { error: [0.15, 0.3], count: [1, 1] },
    fair: { error: [0.1, 0.2], count: [1, 1] },
  };
  const [sure, unsure] = [half, promisedOf([0.1, 0.2], machines)].map(
    (promised) => controlChart([period('a', 1.2, promised)])[0],
  );
  assert.equal(sure?.ratio?.toFixed(12), unsure?.ratio?.toFixed(12));
  assert.equal(sure?.verdict, 'worse');
  assert.equal(unsure?.verdict, 'as-promised');
});

test('nothing promised, nothing forecast, one machine: nothing is said', () => {
  const one = { m: { error: [1], count: [1] } };
  const chart = controlChart([
    { name: 'none', versions: [] },
    { name: 'one', versions: [{ errors: one, promised: promisedOf([0.1]) }] },
  ]);
  assert.deepEqual(
    chart.map(({ ratio, interval, verdict, left }) => [ratio, interval, verdict, left]),
    [
      [null, null, 'unknown', false],
      [10, null, 'unknown', false],
    ],
  );
});
