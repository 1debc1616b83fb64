// What people say of alerts as truth to judge them by: a story for each rule.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costsSchema, policyOf } from '../../backtest/alert-cost.js';
import { type AlertTransition, alertEpisodes } from '../../backtest/alert-episodes.js';
import { type AlertScore, alertBoundsSchema, scoreAlerts } from '../../backtest/alert-score.js';
import { findingsIn } from '../../backtest/feedback.js';
import type { Observation } from '../../backtest/observation.js';
import type { EventRecord, FeedbackVerdict } from '../../domain/input.js';

const dayMs = 86_400_000;
const bounds = alertBoundsSchema.parse({});

/** An alert of `machine` from one day to another; without an end it still stands. */
function alert(day: number, endDay?: number, reason = 'condition-cleared', rule = 'near', machine = 'a') {
  const alertId = `${rule}/${machine}/${day * dayMs}`;
  const at = (sequence: number, timeMs: number, state: AlertTransition['state'], why: string) => ({
    ...{ alertId, sequence, rule, machine, state, reason: why, timeMs },
  });
  return [
    at(0, day * dayMs, 'firing', 'condition-met'),
    ...(endDay === undefined ? [] : [at(1, endDay * dayMs, 'resolved', reason)]),
  ];
}

/** Said on a day of the alert that arose on another. */
function said(
  verdict: FeedbackVerdict,
  ofDay: number,
  onDay: number,
  about: { readonly rule?: string; readonly alert?: string } = {},
): EventRecord {
  const alertId = about.alert ?? `${about.rule ?? 'near'}/a/${ofDay * dayMs}`;
  return {
    kind: 'event',
    event: 'feedback',
    machine: 'a',
    type: 'press',
    site: '',
    line: '',
    eventTimeMs: onDay * dayMs,
    ingestTimeMs: onDay * dayMs,
    code: verdict,
    by: 'Kim',
    comment: '',
    ...(alertId !== '' && { alert: alertId }),
    fault: 'BRG-2',
  };
}

/** Machine a seen for 200 days; it failed on the given ones. */
const observed = (...failureDays: number[]): Observation => ({
  machine: 'a',
  fromMs: 0,
  failuresMs: failureDays.map((day) => day * dayMs),
  watchedUntilMs: 200 * dayMs,
  recordEndMs: 200 * dayMs,
  observedUntilMs: 200 * dayMs,
});

function judge(
  alerts: readonly AlertTransition[],
  events: readonly EventRecord[],
  failureDays: readonly number[] = [],
  known = alerts,
): AlertScore {
  const findings = findingsIn(events, alertEpisodes(known));
  return scoreAlerts(alerts, [observed(...failureDays)], bounds, dayMs, findings);
}

for (const { name, alerts, events, failures = [], wanted, precision } of [
  {
    name: 'true, and no failure followed: confirmed',
    alerts: alert(20, 30),
    events: [said('true', 20, 22)],
    wanted: 'confirmed',
    precision: 1,
  },
  {
    name: 'true, and maintenance prevented the failure: confirmed',
    alerts: alert(20, 30, 'maintenance'),
    events: [said('true', 20, 31)],
    wanted: 'confirmed',
    precision: 1,
  },
  {
    name: 'false, though maintenance ended it: false',
    alerts: alert(20, 30, 'maintenance'),
    events: [said('false', 20, 22)],
    wanted: 'false',
    precision: 0,
  },
  {
    name: 'unclear: left out of the precision',
    alerts: alert(20, 30),
    events: [said('unclear', 20, 22)],
    wanted: 'unclear',
    precision: null,
  },
  {
    name: 'nothing was said: false, as without any feedback',
    alerts: alert(20, 30),
    events: [],
    wanted: 'false',
    precision: 0,
  },
  {
    name: 'false, but it failed while the alert stood: the failure counts',
    alerts: alert(20, 40, 'failed'),
    events: [said('false', 20, 22)],
    failures: [40],
    wanted: 'true',
    precision: 1,
  },
  {
    name: 'true, but it had cleared when the failure came: the failure counts',
    alerts: alert(20, 30),
    events: [said('true', 20, 22)],
    failures: [40],
    wanted: 'cleared-too-soon',
    precision: 0,
  },
  {
    name: 'true, and the failure came long after its claim: confirmed',
    alerts: alert(20, 30),
    events: [said('true', 20, 22)],
    failures: [90],
    wanted: 'confirmed',
    precision: 1,
  },
  {
    name: 'the record ends before the claim, but somebody looked: false',
    alerts: alert(190),
    events: [said('false', 190, 195)],
    wanted: 'false',
    precision: 0,
  },
  {
    name: 'what was said later replaces what was said before, in whatever order it comes',
    alerts: alert(20, 30),
    events: [said('true', 20, 60), said('false', 20, 22), said('unclear', 20, 24)],
    wanted: 'confirmed',
    precision: 1,
  },
  {
    name: 'of two said at the same time the one that was logged later counts',
    alerts: alert(20, 30),
    events: [said('false', 20, 22), said('true', 20, 22)],
    wanted: 'confirmed',
    precision: 1,
  },
  {
    name: 'it names no alert: it says nothing, however near the click was',
    alerts: alert(20, 30),
    events: [said('true', 20, 22, { alert: '' })],
    wanted: 'false',
    precision: 0,
  },
  {
    name: 'what it names is no alert: it says nothing',
    alerts: alert(20, 30),
    events: [said('true', 20, 22, { alert: 'the one of yesterday' })],
    wanted: 'false',
    precision: 0,
  },
  {
    name: 'it is about the alert before, given while this one stood: it says nothing of this one',
    alerts: alert(20, 30),
    events: [said('true', 5, 25)],
    wanted: 'false',
    precision: 0,
  },
] as const satisfies readonly {
  name: string;
  alerts: AlertTransition[];
  events: EventRecord[];
  failures?: number[];
  wanted: AlertScore['alerts'][number]['verdict'];
  precision: number | null;
}[])
  test(`feedback: ${name}`, () => {
    const score = judge(alerts, events, failures);
    assert.deepEqual(
      score.alerts.map(({ verdict }) => verdict),
      [wanted],
    );
    assert.equal(score.precision, precision);
  });

test('feedback speaks of the time for which its alert stood: of the alert that another network gave then', () => {
  // The network in use fired on day 20 and cleared on day 40; the one that is judged fires on other days.
  const known = alert(20, 40);
  const events = [said('true', 20, 90)];
  const verdicts = (alerts: readonly AlertTransition[]) =>
    judge(alerts, events, [], known).alerts.map(({ verdict, feedback }) => [verdict, feedback?.alertId]);
  const confirmed = ['confirmed', `near/a/${20 * dayMs}`];
  assert.deepEqual(verdicts(alert(26, 80)), [confirmed], 'later, and for longer');
  assert.deepEqual(verdicts(alert(10, 21)), [confirmed], 'earlier');
  assert.deepEqual(verdicts(alert(41, 95)), [['false', undefined]], 'it stood only when the click came');
  assert.deepEqual(
    verdicts(alert(26, 80, 'condition-cleared', 'month')),
    [['false', undefined]],
    'other rule',
  );
});

test('of an alert that nobody knows any more only the moment in which it arose is known', () => {
  const events = [said('true', 20, 90)];
  const verdict = (alerts: readonly AlertTransition[]) =>
    judge(alerts, events, [], []).alerts.map((each) => each.verdict);
  assert.deepEqual(verdict(alert(18, 30)), ['confirmed']);
  assert.deepEqual(verdict(alert(21, 30)), ['false']);
});

test('an alert with feedback of its own is judged by that, whatever was said of others at the time', () => {
  const known = [...alert(20, 40), ...alert(50, 60)];
  const judged = [...alert(20, 55)];
  const { alerts } = judge(judged, [said('false', 20, 41), said('true', 50, 99)], [], known);
  assert.deepEqual(
    alerts.map(({ verdict }) => verdict),
    ['false'],
  );
});

test('feedback changes no failure, no lead time and no watched time; a confirmed alert costs an inspection', () => {
  const alerts = [...alert(20, 30), ...alert(60, 70), ...alert(150, 160, 'failed')];
  const without = judge(alerts, [], [160]);
  const score = judge(alerts, [said('true', 20, 22), said('unclear', 60, 61)], [160]);
  const { failures, leadDays, detectedShare, machineMonths } = without;
  assert.deepEqual(
    [score.failures, score.leadDays, score.detectedShare, score.machineMonths],
    [failures, leadDays, detectedShare, machineMonths],
  );
  assert.deepEqual([without.alertCounts.false, score.alertCounts.false], [2, 0]);
  assert.deepEqual([without.precision, score.precision], [1 / 3, 1]);
  const costs = costsSchema.parse({});
  const cost = (of: AlertScore) => policyOf(of, costs, null).cost;
  assert.equal(cost(without) - cost(score), 2 * costs.falseAlarm);
});

test('feedback on another machine says nothing of this one', () => {
  const other = { ...said('true', 20, 22), machine: 'b', alert: `near/b/${20 * dayMs}` };
  assert.equal(judge(alert(20, 30), [other]).alerts[0]?.verdict, 'false');
});
