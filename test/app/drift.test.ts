// What `millwright drift` makes of histories and forecasts whose changes are known, and how it says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DriftReport, findDrift } from '../../app/drift.js';
import { driftAdvice, driftAlarms, formatDrift } from '../../app/drift-text.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { forecastReference, makeReference } from '../../model/reference.js';
import { dayMs, ran, specOf } from '../backtest/drift/rows.js';

const spec: FeatureSpec = specOf([
  'heat.mean',
  'heat.std',
  'event.E1',
  'event.E2',
  'attr.maker=acme',
  'attr.maker=other',
]);
const trainedDays = 100;

/** Twelve machines over 160 days; what comes after the 100th is `change`d. */
function histories(
  change: (row: number[], day: number) => number[] = (row) => row,
  machineCount = 12,
): History[] {
  return Array.from({ length: machineCount }, (_, machine) =>
    ran(
      `m${machine}`,
      160,
      (day, rng) => {
        const row = [
          20 + machine + rng.normal(),
          1 + 0.1 * rng.normal(),
          rng.uniform() < 0.1 ? 1 : 0,
          0,
          1,
          0,
        ];
        return day < trainedDays ? row : change(row, day);
      },
      machine + 1,
    ),
  );
}

const until = (day: number, all: readonly History[]) =>
  all.map((each) => ({
    ...each,
    stepCount: day,
    originsMs: each.originsMs.slice(0, day),
    eventDay: each.eventDay.slice(0, day),
    knownDays: each.knownDays.slice(0, day),
  }));

/** The later steps of a history. */
function from(day: number, { rows, originsMs, eventDay, knownDays, stepCount }: History) {
  return {
    rows: rows.slice(day * spec.names.length),
    originsMs: originsMs.slice(day),
    eventDay: eventDay.slice(day),
    knownDays: knownDays.slice(day),
    stepCount: stepCount - day,
  };
}

function drift(all: readonly History[], forecasts: readonly ForecastRecord[] = []): DriftReport {
  const reference = {
    ...makeReference(
      spec,
      until(trainedDays, all).filter(({ originsMs }) => (originsMs[0] as number) <= dayMs),
    ),
    forecasts: forecastReference(
      spec,
      Array.from({ length: 400 }, (_, i) => curveAt(((i * 37) % 400) / 4000)),
    ),
  };
  return findDrift({
    spec,
    timeZone: 'UTC',
    histories: all,
    forecasts,
    reference,
    period: { fromMs: reference.lastMs + 1, toMs: Infinity },
    by: 'month',
  });
}

/** A curve that rises evenly to so much. */
const curveAt = (end: number) => Array.from({ length: 30 }, (_, day) => (end * (day + 1)) / 30);

function forecastsOf(endOf: (day: number) => number): ForecastRecord[] {
  return Array.from({ length: 12 * 60 }, (_, i): ForecastRecord => {
    const day = trainedDays + Math.floor(i / 12);
    return {
      kind: 'forecast',
      machine: `m${i % 12}`,
      type: 'press',
      site: '',
      line: '',
      originMs: (day + 1) * dayMs,
      stepIndex: day,
      revision: 0,
      status: 'ok',
      reason: '',
      model: 'lstm-1',
      probabilities: curveAt(endOf(i)),
      expectedDay: null,
      coverage: 1,
      silentSensors: [],
      stepOffset: i,
    };
  });
}

test('a quiet time is told as one, with its figures', () => {
  const report = drift(
    histories(),
    forecastsOf((i) => ((i * 37) % 400) / 4000),
  );
  assert.deepEqual(driftAlarms(report), []);
  assert.deepEqual(driftAdvice(report), []);
  // Days 100 to 159 from 1970: 11 April to 9 June, each step in the month of its day.
  assert.deepEqual(
    report.periods.map(({ name, rowCount }) => [name, rowCount]),
    [
      ['1970-04', 12 * 20],
      ['1970-05', 12 * 31],
      ['1970-06', 12 * 9],
    ],
  );
  assert.match(
    formatDrift(report),
    /12 machines from 1970-04-12 to 1970-06-10[\s\S]*Nothing has changed beyond chance/,
  );
});

test('a fleet that is warmer, with errors and a maker that training had not, is told feature by feature', () => {
  const warmer = histories(([heat = 0, spread = 0, e1 = 0], day) => [
    heat + 3,
    spread,
    e1,
    day === 140 ? 1 : 0,
    1,
    0,
  ]);
  const other = ran('m-new', 160, (_, rng) => [26 + rng.normal(), 1 + 0.1 * rng.normal(), 0, 0, 0, 1], 99);
  const report = drift([...warmer, { ...other, ...from(trainedDays, other) }]);
  const alarms = driftAlarms(report);
  assert.equal(alarms.length, 3, alarms.join('\n'));
  assert.match(
    alarms[0] as string,
    /^heat\.mean drifted in 1970-04, 1970-05, 1970-06: mean 28\.\d+, 25\.\d+ in training; PSI \d/,
  );
  assert.deepEqual(alarms.slice(1), [
    'attr.maker=other was in no row of training: the network knows nothing of it.',
    'event.E2 was in no row of training: the network knows nothing of it.',
  ]);
  assert.ok(report.machines.filter(({ verdict }) => verdict === 'differs').length >= 9);
  assert.deepEqual(
    report.machines.filter(({ isKnown }) => !isKnown).map(({ machine }) => machine),
    ['m-new'],
  );
});

test('failures at another rate, and forecasts that say more than those of validation, are told', () => {
  const all = histories();
  for (const { eventDay } of all) {
    eventDay[50] = 1;
    for (let day = 105; day < 160; day += 9) eventDay[day] = 1;
  }
  const report = drift(
    all,
    forecastsOf(() => 0.4),
  );
  const alarms = driftAlarms(report);
  assert.match(
    alarms.join('\n'),
    /^forecast\.7 drifted[\s\S]*\nforecast\.30 drifted[\s\S]*\nMachines failed 1\d\.\d\d times as often as in training/,
  );
  assert.equal(report.whole.failures.count, 12 * 7);
  assert.ok(driftAdvice(report).some((line) => line.includes('millwright track')));
});

test('too few machines for a test are said to be; nothing to look at, and other features, are errors', () => {
  const few = drift(histories(([heat = 0, ...rest]) => [heat + 9, ...rest], 3));
  assert.ok(few.whole.features.every(({ verdict }) => verdict === 'too-few-machines'));
  // Each of them still shows that its sensor jumped.
  assert.deepEqual(
    few.sensors.map(({ machine, kind }) => `${machine} ${kind}`),
    ['m0 shifted', 'm1 shifted', 'm2 shifted'],
  );
  assert.throws(
    () => drift(until(trainedDays, histories())),
    /nothing is known of machines of type press after 1970-04-11/,
  );
  const reference = makeReference(specOf(['cold.mean']), []);
  assert.throws(
    () =>
      findDrift({
        spec,
        timeZone: 'UTC',
        histories: [],
        forecasts: [],
        reference,
        period: { fromMs: 0, toMs: 1 },
        by: 'month',
      }),
    /trained on other features \(heat\.mean\)/,
  );
});
