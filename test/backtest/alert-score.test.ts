import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alertBoundsSchema, scoreAlerts } from '../../backtest/alert-score.js';
import type { Observation } from '../../backtest/observation.js';
import type { AlertRecord } from '../../domain/alert.js';

const dayMs = 86_400_000;
const bounds = alertBoundsSchema.parse({});

type Change = readonly [
  day: number,
  state: AlertRecord['state'],
  transition: AlertRecord['transition'],
  reason?: string,
];

/** The transitions of one alert of machine `machine`, days as plant time. */
function alert(machine: string, ...changes: Change[]): AlertRecord[] {
  const sinceMs = (changes[0] as Change)[0] * dayMs;
  const alertId = `rule/${machine}/${sinceMs}`;
  return changes.map(([day, state, transition, reason = ''], sequence) => ({
    kind: 'alert',
    alertId,
    dedupeKey: `${alertId}/${sequence}`,
    sequence,
    rule: 'rule',
    machine,
    type: 'press',
    site: '',
    line: '',
    state,
    severity: state === 'firing' ? 'warning' : '',
    transition,
    reason,
    timeMs: day * dayMs,
    sinceMs,
    acknowledgedBy: '',
    value: null,
    summary: '',
    trace: null,
  }));
}
const fired = (machine: string, day: number, endDay?: number, reason = 'condition-cleared') =>
  endDay === undefined
    ? alert(machine, [day, 'firing', 'fired'])
    : alert(machine, [day, 'firing', 'fired'], [endDay, 'resolved', 'resolved', reason]);

/** A machine seen from day 0 to `endDay` that failed on the given days. */
const observed = (machine: string, endDay: number, ...failureDays: number[]): Observation => ({
  machine,
  fromMs: 0,
  failuresMs: failureDays.map((day) => day * dayMs),
  watchedUntilMs: endDay * dayMs,
  recordEndMs: endDay * dayMs,
  observedUntilMs: endDay * dayMs,
});

for (const { name, alerts, wanted } of [
  { name: 'no alert at all', alerts: [], wanted: ['missed', null, null] },
  { name: 'an alert that stands 12 days ahead', alerts: fired('a', 88), wanted: ['foreseen', 12, 12] },
  { name: 'exactly 5 days ahead', alerts: fired('a', 95), wanted: ['foreseen', 5, 5] },
  { name: 'exactly 40 days ahead', alerts: fired('a', 60), wanted: ['foreseen', 40, 40] },
  { name: '4 days ahead', alerts: fired('a', 96), wanted: ['late', 4, 4] },
  { name: '50 days ahead', alerts: fired('a', 50), wanted: ['ahead', 50, 50] },
  { name: '60 days ahead is not yet early', alerts: fired('a', 40), wanted: ['ahead', 60, 60] },
  { name: '61 days ahead', alerts: fired('a', 39), wanted: ['early', 61, 61] },
  {
    name: 'only pending when it failed',
    alerts: alert('a', [90, 'pending', 'pending']),
    wanted: ['missed', null, null],
  },
  { name: 'cleared two days before', alerts: fired('a', 88, 98), wanted: ['missed', null, 12] },
  { name: 'resolved because it failed', alerts: fired('a', 88, 100, 'failed'), wanted: ['foreseen', 12, 12] },
  { name: 'fired after the failure only', alerts: fired('a', 100.5), wanted: ['missed', null, null] },
  {
    name: 'an early alert that cleared and a good one that stood',
    alerts: [...fired('a', 20, 30), ...fired('a', 90)],
    wanted: ['foreseen', 10, 80],
  },
  {
    name: 'the lead counts from firing, not from pending or from a higher severity',
    alerts: alert('a', [80, 'pending', 'pending'], [84, 'firing', 'fired'], [95, 'firing', 'raised']),
    wanted: ['foreseen', 16, 16],
  },
  {
    name: 'not assessable in between does not end the alert',
    alerts: alert('a', [84, 'firing', 'fired'], [90, 'not-assessable', 'not-assessable']),
    wanted: ['foreseen', 16, 16],
  },
] as const satisfies readonly { name: string; alerts: AlertRecord[]; wanted: unknown[] }[]) {
  test(`a failure: ${name}`, () => {
    const [failure] = scoreAlerts(alerts, [observed('a', 100, 100)], bounds, dayMs).failures;
    assert.deepEqual([failure?.verdict, failure?.leadDays, failure?.firstAlarmDays], wanted);
  });
}

for (const { name, alerts, failures, wanted } of [
  { name: 'the failure came while it stood', alerts: fired('a', 88), failures: [100], wanted: 'true' },
  { name: 'the failure came 61 days later', alerts: fired('a', 39), failures: [100], wanted: 'early' },
  {
    name: 'cleared, then the failure',
    alerts: fired('a', 88, 98),
    failures: [100],
    wanted: 'cleared-too-soon',
  },
  { name: 'cleared, no failure in 30 days', alerts: fired('a', 20, 25), failures: [100], wanted: 'false' },
  { name: 'stood 31 days for nothing', alerts: fired('a', 69), failures: [], wanted: 'false' },
  { name: 'the record ended first', alerts: fired('a', 71), failures: [], wanted: 'undecided' },
  {
    name: 'ended by maintenance',
    alerts: fired('a', 20, 25, 'maintenance'),
    failures: [],
    wanted: 'intervened',
  },
] as const) {
  test(`an alert: ${name}`, () => {
    const score = scoreAlerts(alerts, [observed('a', 100, ...failures)], bounds, dayMs);
    assert.deepEqual(
      score.alerts.map(({ verdict }) => verdict),
      [wanted],
    );
  });
}

test('alerts of the life before do not warn of the next failure', () => {
  const alerts = [...fired('a', 10, 20, 'failed'), ...fired('a', 85, 100, 'failed')];
  const { failures } = scoreAlerts(alerts, [observed('a', 120, 20, 60, 100)], bounds, dayMs);
  assert.deepEqual(
    failures.map(({ verdict }) => verdict),
    ['foreseen', 'missed', 'foreseen'],
  );
});

test('the score sums up: shares, quantiles, early alarms and false alarms per machine-month', () => {
  const alerts = [
    ...fired('a', 80), // lead 20
    ...fired('b', 90), // lead 10
    ...fired('c', 10, 12), // more than 60 days ahead, and false
    ...fired('d', 30, 33), // never failed
  ];
  const score = scoreAlerts(
    alerts,
    [observed('a', 100, 100), observed('b', 100, 100), observed('c', 100, 100), observed('d', 90)],
    bounds,
    dayMs,
  );
  assert.deepEqual(score.failureCounts, { foreseen: 2, ahead: 0, early: 0, late: 0, missed: 1 });
  assert.equal(score.detectedShare, 2 / 3);
  assert.equal(score.earlyAlarmFailures, 1);
  assert.deepEqual(score.leadDays, { min: 10, p10: 11, median: 15, p90: 19, max: 20 });
  assert.equal(score.machineMonths, 13);
  assert.equal(score.alertCounts.false, 2);
  assert.equal(score.falseAlarmsPerMachineMonth, 2 / 13);
});

test('a failure that comes too soon for a warning, or before the watch, is told apart and not judged', () => {
  const from = (day: number): Observation => ({ ...observed('a', 100, 2, 13, 15, 60), fromMs: day * dayMs });
  const score = scoreAlerts(fired('a', 12), [from(10)], bounds, dayMs);
  assert.deepEqual(
    score.failures.map(({ failureMs, verdict }) => [failureMs / dayMs, verdict]),
    [
      [15, 'missed'],
      [60, 'missed'],
    ],
  );
  assert.equal(score.tooSoonCount, 1);
});

test('where the record ends before the failure, what stood at its end is judged if the failure was due', () => {
  const later = (machine: string, failureDay: number): Observation => ({
    ...observed(machine, 50, failureDay),
    recordEndMs: failureDay * dayMs,
    observedUntilMs: Infinity,
  });
  const alerts = [...fired('a', 40), ...fired('b', 20, 45), ...fired('d', 45)];
  const observations = [later('a', 70), later('b', 80), later('c', 81), later('d', 81)];
  const score = scoreAlerts(alerts, observations, { ...bounds, dueWithinDays: 30 }, dayMs);
  assert.deepEqual(
    score.failures.map(({ machine, verdict, leadDays }) => [machine, verdict, leadDays]),
    [
      ['a', 'foreseen', 30],
      ['b', 'missed', null],
    ],
  );
  assert.equal(score.detectedShare, 1 / 2);
});

test('a failure after the watched stretch is no test of the alerts, but tells whether they were right', () => {
  const later = (machine: string, failureDay: number): Observation => ({
    ...observed(machine, 50, failureDay),
    recordEndMs: failureDay * dayMs,
    observedUntilMs: Infinity,
  });
  const alerts = [...fired('a', 40), ...fired('b', 20, 45)];
  const score = scoreAlerts(alerts, [later('a', 70), later('b', 90), later('c', 52)], bounds, dayMs);
  assert.deepEqual(score.failures, []);
  assert.equal(score.detectedShare, null);
  assert.deepEqual(
    score.alerts.map(({ verdict, leadDays }) => [verdict, leadDays]),
    [
      ['true', 30],
      ['false', null],
    ],
  );
  assert.equal(score.machineMonths, 5);
});

test('what an alert does after the last reading of its machine does not count', () => {
  const silent: Observation = {
    ...observed('a', 50, 70),
    recordEndMs: 70 * dayMs,
    observedUntilMs: Infinity,
  };
  const alerts = [...fired('a', 45, 55), ...fired('a', 60)];
  const score = scoreAlerts(alerts, [silent], bounds, dayMs);
  assert.deepEqual(
    score.alerts.map(({ firedMs, verdict }) => [firedMs / dayMs, verdict]),
    [[45, 'true']],
  );
});

test('alerts of machines of which nothing is known are counted, not judged', () => {
  const score = scoreAlerts([...fired('a', 90), ...fired('x', 1)], [observed('a', 100, 100)], bounds, dayMs);
  assert.equal(score.alerts.length, 1);
  assert.equal(score.unobservedCount, 1);
});

test('without failures, alerts or time the shares are undefined, not 0', () => {
  const score = scoreAlerts([], [], bounds, dayMs);
  assert.equal(score.detectedShare, null);
  assert.equal(score.leadDays, null);
  assert.equal(score.falseAlarmsPerMachineMonth, null);
});

test('order and repetition of transitions never change the score', () => {
  const transitions = [
    ...fired('a', 20, 30),
    ...alert('a', [80, 'pending', 'pending'], [84, 'firing', 'fired'], [95, 'firing', 'raised']),
    ...fired('b', 40, 99),
  ];
  const observations = [observed('a', 100, 100), observed('b', 100, 100)];
  const wanted = scoreAlerts(transitions, observations, bounds, dayMs);
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...transitions, ...transitions], { minLength: 2 * transitions.length }),
      (shuffled) => {
        assert.deepEqual(scoreAlerts(shuffled, observations, bounds, dayMs), wanted);
      },
    ),
  );
});

test('bounds that contradict one another are refused with both names', () => {
  const parsed = alertBoundsSchema.safeParse({ usefulFromDays: 50 });
  assert.match(parsed.error?.issues[0]?.message ?? '', /usefulFromDays.*usefulToDays/);
});
