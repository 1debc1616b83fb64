import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedSteps, type Observation, outcomeAt } from '../../backtest/observation.js';
import { judgeForecasts } from '../../backtest/rows.js';
import type { ForecastRecord } from '../../domain/forecast.js';

const dayMs = 86_400_000;
const steps = fixedSteps(dayMs);
const runToFailure = (failureMs: number): Observation => ({
  machine: 'a',
  fromMs: 0,
  failuresMs: [failureMs],
  watchedUntilMs: failureMs,
  recordEndMs: failureMs,
  observedUntilMs: Infinity,
});
const observedUntil = (endMs: number, failuresMs: number[] = []): Observation => ({
  machine: 'a',
  fromMs: 0,
  failuresMs,
  watchedUntilMs: endMs,
  recordEndMs: endMs,
  observedUntilMs: endMs,
});

for (const { name, observation, origin, wanted } of [
  {
    name: 'what is known ends with the step before a confirmed repair',
    observation: { ...observedUntil(100 * dayMs), repairsMs: [4 * dayMs, 17.5 * dayMs, 60 * dayMs] },
    origin: 10,
    wanted: [0, 7, 7],
  },
  {
    name: 'a confirmed repair keeps the failure after it from being known',
    observation: { ...runToFailure(20 * dayMs), repairsMs: [17.5 * dayMs] },
    origin: 10,
    wanted: [0, 7, 7],
  },
  {
    name: 'a failure in the step of a confirmed repair counts',
    observation: { ...runToFailure(17.9 * dayMs), repairsMs: [17.5 * dayMs] },
    origin: 10,
    wanted: [8, 8, 30],
  },
  {
    name: 'a confirmed repair beyond the horizon changes nothing',
    observation: { ...observedUntil(100 * dayMs), repairsMs: [40.5 * dayMs] },
    origin: 10,
    wanted: [0, 30, 30],
  },
  {
    name: 'a failure in the first step after the origin is day 1, also at its first millisecond',
    observation: runToFailure(10 * dayMs),
    origin: 10,
    wanted: [1, 1, 30],
  },
  {
    name: 'a failure at the last millisecond of the 30th step is day 30',
    observation: runToFailure(40 * dayMs - 1),
    origin: 10,
    wanted: [30, 30, 30],
  },
  {
    name: 'a failure one millisecond later is none within the horizon, which is known whole',
    observation: runToFailure(40 * dayMs),
    origin: 10,
    wanted: [0, 30, 30],
  },
  {
    name: 'after the failure that ended the record nothing is known',
    observation: runToFailure(10 * dayMs),
    origin: 11,
    wanted: [0, 0, 0],
  },
  {
    name: 'a record that ends while the machine runs is known for its whole steps',
    observation: observedUntil(22.5 * dayMs),
    origin: 10,
    wanted: [0, 12, 12],
  },
  {
    name: 'a failure is known to its day, and the observation went on to the end of the data',
    observation: observedUntil(22 * dayMs, [14.5 * dayMs]),
    origin: 10,
    wanted: [5, 5, 12],
  },
  {
    name: 'a repaired machine is judged by its next failure',
    observation: observedUntil(90 * dayMs, [14.5 * dayMs, 30.5 * dayMs]),
    origin: 20,
    wanted: [11, 11, 30],
  },
  {
    name: 'an origin at the end of the record cannot be judged',
    observation: observedUntil(22 * dayMs),
    origin: 22,
    wanted: [0, 0, 0],
  },
]) {
  test(name, () => {
    const { eventDay, knownDays, observedDays } = outcomeAt(observation, origin * dayMs, 30, steps);
    assert.deepEqual([eventDay, knownDays, observedDays], wanted);
  });
}

const forecast = (day: number, probability: number, more: Partial<ForecastRecord> = {}): ForecastRecord => ({
  kind: 'forecast',
  machine: 'a',
  type: 'press',
  site: 's',
  line: 'l',
  originMs: day * dayMs,
  stepIndex: day,
  revision: 0,
  status: 'ok',
  reason: '',
  model: 'm',
  probabilities: Array(30).fill(probability),
  expectedDay: null,
  coverage: 1,
  silentSensors: [],
  stepOffset: day,
  ...more,
});
const options = { horizonDays: 30, steps, fallbackAt: () => Array(30).fill(0.2) } as const;

test('the last origin of every machine counts, at its highest revision, however the forecasts arrive', () => {
  const forecasts = [
    forecast(3, 0.5, { revision: 1 }),
    forecast(3, 0.4, { revision: 0 }),
    forecast(2, 0.1),
    forecast(4, 0.9, { status: 'provisional' }),
  ];
  const { rows } = judgeForecasts(forecasts, [runToFailure(9.5 * dayMs)], { ...options, selection: 'last' });
  assert.deepEqual(
    rows.map((row) => [row.originMs / dayMs, row.probabilities[0], row.eventDay]),
    [[3, 0.5, 7]],
  );
});

test('a forecast that is not assessable is scored as the fallback and keeps its status', () => {
  const short = forecast(3, 0, {
    status: 'not-assessable',
    reason: 'history too short',
    probabilities: [],
  });
  const { rows, unjudgedCount } = judgeForecasts([short], [runToFailure(9.5 * dayMs)], {
    ...options,
    selection: 'last',
  });
  assert.equal(unjudgedCount, 0);
  assert.equal(rows.length, 1);
  assert.equal(rows[0]?.status, 'not-assessable');
  assert.equal(rows[0]?.reason, 'history too short');
  assert.equal(rows[0]?.probabilities[0], 0.2);
});

test('all origins: those that cannot be judged are counted by reason, machines without a forecast are named', () => {
  const forecasts = [forecast(1, 0.1), forecast(2, 0.1), forecast(6, 0.1), forecast(7, 0.9)];
  const silent = { ...runToFailure(5 * dayMs), machine: 'b' };
  const judged = judgeForecasts(forecasts, [observedUntil(6 * dayMs), silent], {
    ...options,
    selection: 'all',
  });
  assert.deepEqual(
    judged.rows.map((row) => row.knownDays),
    [5, 4],
  );
  assert.equal(judged.unjudgedCount, 1);
  assert.equal(judged.silentCount, 1);
  assert.deepEqual(judged.machinesWithoutForecast, ['b']);
});

test('the last origin is the last one at which the machine spoke, whatever was issued in its silence', () => {
  const silence = { status: 'not-assessable', reason: 'silent', probabilities: [] } as const;
  const forecasts = [forecast(3, 0.3), forecast(4, 0, silence), forecast(5, 0, silence)];
  const fate = { ...runToFailure(9.5 * dayMs), watchedUntilMs: 3 * dayMs };
  const judged = judgeForecasts(forecasts, [fate], { ...options, selection: 'last' });
  assert.deepEqual(
    judged.rows.map((row) => [row.originMs / dayMs, row.probabilities[0], row.eventDay]),
    [[3, 0.3, 7]],
  );
  assert.equal(judged.silentCount, 2);
});

test('a forecast of a machine that nobody observed is refused', () => {
  assert.throws(
    () => judgeForecasts([forecast(1, 0.1)], [], { ...options, selection: 'all' }),
    /observation/,
  );
});
