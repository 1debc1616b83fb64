import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertBoundsSchema, scoreAlerts } from '../../backtest/alert-score.js';
import {
  machineErrors,
  meanBrierDifference,
  meanBrierInterval,
  meanBrierOf,
  poolErrors,
} from '../../backtest/metrics/bootstrap.js';
import { quantile } from '../../backtest/metrics/quantile.js';
import { makeReport } from '../../backtest/report.js';
import { formatReport } from '../../backtest/report-text.js';
import type { JudgedForecast, JudgedRows } from '../../backtest/rows.js';
import { Rng } from '../../domain/rng.js';

const horizonDays = 10;

/** One row per machine: the probability of every day, and the day on which it failed (0: ran on). */
const makeRows = (...rows: (readonly [probability: number, eventDay: number, knownDays?: number])[]) =>
  rows.map(
    ([probability, eventDay, knownDays = horizonDays], i): JudgedForecast => ({
      machine: `m${i}`,
      originMs: 1000,
      status: 'ok',
      reason: '',
      probabilities: Array(horizonDays).fill(probability),
      eventDay,
      knownDays: eventDay || knownDays,
      observedDays: knownDays,
    }),
  );
const judgedOf = (rows: readonly JudgedForecast[]): JudgedRows => ({
  horizonDays,
  rows,
  silentCount: 1,
  unjudgedCount: 2,
  machinesWithoutForecast: ['quiet'],
});
const reportOf = (rows: readonly JudgedForecast[], reference: readonly JudgedForecast[]) =>
  makeReport({
    name: 'network v1',
    judged: judgedOf(rows),
    selection: 'all',
    reference: { name: 'marginal hazard', rows: reference },
    baselines: [],
    alerts: scoreAlerts([], [], alertBoundsSchema.parse({}), 86_400_000),
  });

test('a report holds the scores of the pipeline and of the reference on the same rows', () => {
  const report = reportOf(makeRows([1, 1], [0, 0]), makeRows([0.5, 1], [0.5, 0]));
  const [network, marginal] = report.forecasters;
  assert.deepEqual([network?.meanBrier, network?.skill, network?.concordance], [0, 1, 1]);
  assert.deepEqual([marginal?.meanBrier, marginal?.skill, marginal?.concordance], [0.25, 0, 0.5]);
  assert.deepEqual(
    network?.days.map(({ day }) => day),
    [1, 7, 10],
  );
  assert.equal(network?.brierByDay.length, horizonDays);
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
});

test('what cannot be scored is a dash in the text and null in the JSON, never 0', () => {
  // Nothing is known after day 5, and nothing failed.
  const rows = makeRows([0.1, 0, 5], [0.2, 0, 5]);
  const report = reportOf(rows, rows);
  assert.equal(report.forecasters[0]?.meanBrier, null);
  assert.equal(report.forecasters[0]?.concordance, null);
  assert.equal(report.forecasters[0]?.brierByDay[9], null);
  const text = formatReport(report);
  assert.match(text, /network v1 +– +– +0\.0250 +– +– +– +–/);
  assert.match(text, /False alarms: no machine was observed/);
});

test('forecasts that are not by the network have scores of their own, beside the reference on the same rows', () => {
  const rows = makeRows([1, 1], [0.5, 1], [0, 1]).map(
    (row, index): JudgedForecast =>
      index === 0 ? row : { ...row, status: 'fallback', rung: index === 1 ? 'smoothing' : 'age' },
  );
  const reference = makeRows([0.5, 1], [0.9, 1], [0.9, 1]);
  const report = reportOf(rows, reference);
  const round = (value: number | null) => Number(value?.toFixed(6));
  assert.deepEqual(
    report.rows.rungs.map(({ rung, count, meanBrier, referenceMeanBrier }) => [
      rung,
      count,
      round(meanBrier),
      round(referenceMeanBrier),
    ]),
    [
      ['network', 1, 0, 0.25],
      ['smoothing', 1, 0.25, 0.01],
      ['age', 1, 1, 0.01],
    ],
  );
  assert.match(
    formatReport(report),
    /2 forecasts came from the fallback\.\n {2}by the network: 1 forecast, mean Brier 0\.0000; the marginal hazard on the same 0\.2500\.\n {2}by smoothed readings and the age: 1 forecast, mean Brier 0\.2500; .*\n {2}by the age alone: 1 forecast, mean Brier 1\.0000/,
  );
  assert.deepEqual(reportOf(makeRows([1, 1]), makeRows([0.5, 1])).rows.rungs, []);
});

test('the text says how many were judged, and what was not', () => {
  const rows = makeRows([0.9, 1], [0.1, 0]);
  const text = formatReport(reportOf(rows, rows));
  assert.match(text, /2 forecasts of 2 machines judged \(every origin\); 1 were? followed by a failure/);
  assert.match(text, /1 forecast left out: the machine had sent its last reading/);
  assert.match(text, /2 forecasts not judged/);
  assert.match(text, /1 machine without any forecast: quiet/);
  for (const line of text.split('\n')) assert.ok(line.length <= 120, `${line.length}: ${line}`);
});

test('a baseline on other rows is refused', () => {
  assert.throws(() => reportOf(makeRows([0.9, 1], [0.1, 0]), makeRows([0.9, 1])), /rows of marginal hazard/);
});

test('quantiles are those of R type 7', () => {
  assert.equal(quantile([1, 2, 3, 4], 0.1), 1.3);
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantile([7], 0.9), 7);
});

test('the interval is that of the mean over machines, and wider than one over rows would be', () => {
  const rng = new Rng(1);
  // Squared errors of 100 machines are 0 or 1: the mean has standard error .05.
  const rows = makeRows(...Array.from({ length: 100 }, (_, i) => [i % 2, 0] as const));
  const interval = meanBrierInterval(machineErrors(rows, horizonDays), rng);
  assert.ok(interval);
  assert.ok(Math.abs(interval.low - (0.5 - 1.96 * 0.05)) < 0.02, `${interval.low}`);
  assert.ok(Math.abs(interval.high - (0.5 + 1.96 * 0.05)) < 0.02, `${interval.high}`);
  const repeated = rows.flatMap((row) => [row, row, row, row]);
  assert.deepEqual(meanBrierInterval(machineErrors(repeated, horizonDays), new Rng(1)), interval);
  assert.equal(meanBrierInterval(machineErrors(rows.slice(0, 1), horizonDays), rng), null);
});

test('a difference between forecasters is judged machine by machine: what is hard about a machine cancels out', () => {
  const rng = new Rng(3);
  const rows = Array.from({ length: 40 }, (_, index): JudgedForecast => {
    const hard = index % 2 === 0 ? 0.1 : 0.6;
    return {
      machine: `m${index}`,
      originMs: 0,
      status: 'ok',
      reason: '',
      probabilities: [hard + 0.02 * rng.uniform()],
      eventDay: 0,
      knownDays: 1,
      observedDays: 1,
    };
  });
  const worse = rows.map((row) => ({ ...row, probabilities: [(row.probabilities[0] as number) + 0.01] }));
  const [a, b] = [machineErrors(rows, 1), machineErrors(worse, 1)];
  const [ofA, ofB] = [a, b].map((errors) => meanBrierInterval(errors, new Rng(1)));
  assert.ok(ofA && ofB && ofA.high > ofB.low, 'side by side they cannot be told apart');
  const difference = meanBrierDifference(b, a, new Rng(1));
  assert.ok(difference && difference.low > 0, 'machine by machine they can');
  assert.deepEqual(meanBrierDifference(a, a, new Rng(1)), { low: 0, high: 0 });
  // Two seeds of the same forecaster pooled: the mean of both.
  const pooled = meanBrierOf(poolErrors([a, b])) as number;
  assert.ok(Math.abs(pooled - ((meanBrierOf(a) as number) + (meanBrierOf(b) as number)) / 2) < 1e-12);
});
