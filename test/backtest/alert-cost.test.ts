// What alerts would have cost, and why some were wrong, on fates small enough to count by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  alwaysAlert,
  cheapestOf,
  costsSchema,
  neverAlert,
  policyOf,
  weighAlerts,
} from '../../backtest/alert-cost.js';
import { formatStories, formatTradeOff } from '../../backtest/alert-cost-text.js';
import { alertBoundsSchema, scoreAlerts } from '../../backtest/alert-score.js';
import { alertStories } from '../../backtest/alert-stories.js';
import type { Observation } from '../../backtest/observation.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';

const dayMs = 86_400_000;
const costs = costsSchema.parse({ failure: 1000, earlyMaintenance: 100, inspection: 10, falseAlarm: 1 });

const observed = (machine: string, days: number, ...failedOn: number[]): Observation => ({
  machine,
  fromMs: 0,
  watchedUntilMs: days * dayMs,
  failuresMs: failedOn.map((day) => day * dayMs),
  recordEndMs: days * dayMs,
  observedUntilMs: days * dayMs,
});

function transition(
  machine: string,
  day: number,
  change: AlertRecord['transition'],
  sequence = 0,
  sinceDay = day,
): AlertRecord {
  const ended = change === 'resolved' || change === 'cancelled';
  return {
    kind: 'alert',
    alertId: `r/${machine}/${sinceDay}`,
    dedupeKey: `r/${machine}/${sinceDay}/${sequence}`,
    sequence,
    rule: 'r',
    machine,
    type: 't',
    site: '',
    line: '',
    state: ended ? 'resolved' : change === 'pending' ? 'pending' : 'firing',
    severity: '',
    transition: change,
    reason: ended ? 'condition-cleared' : '',
    timeMs: day * dayMs,
    sinceMs: sinceDay * dayMs,
    acknowledgedBy: '',
    value: null,
    summary: '',
    trace: null,
  };
}

const forecast = (
  machine: string,
  day: number,
  probability: number,
  more: Partial<ForecastRecord> = {},
): ForecastRecord => ({
  kind: 'forecast',
  machine,
  type: 't',
  site: '',
  line: '',
  originMs: day * dayMs,
  stepIndex: day,
  revision: 0,
  status: 'ok',
  reason: '',
  model: 'v1',
  probabilities: [probability / 2, probability],
  expectedDay: null,
  coverage: 1,
  silentSensors: [],
  stepOffset: 0,
  ...more,
});

/** Warned ten days ahead; warned two days ahead; missed; a false alarm on a machine that runs on. */
const observations = [
  observed('warned', 60, 50),
  observed('late', 60, 50),
  observed('missed', 60, 50),
  observed('sound', 120),
];
const alerts = [
  transition('warned', 40, 'fired'),
  transition('late', 48, 'fired'),
  transition('missed', 41, 'pending'),
  transition('missed', 42, 'cancelled', 1, 41),
  transition('sound', 20, 'fired'),
  transition('sound', 24, 'resolved', 1, 20),
];
const score = scoreAlerts(alerts, observations, alertBoundsSchema.parse({}), dayMs);

test('costs are those of what happened', () => {
  const inForce = policyOf(score, costs, null);
  // Two failures came unwarned, one was met by maintenance; somebody looked three times, once for nothing.
  assert.equal(inForce.cost, 2 * 1000 + 100 + 3 * 10 + 1);
  assert.ok(Math.abs((inForce.warnedShare as number) - 1 / 3) < 1e-12);
  assert.equal(inForce.alertsPerMachineMonth, 3 / 10);
  assert.equal(neverAlert(score, costs).cost, 3 * 1000);
  // 300 watched days: ten alerts of 30 days, three of them before the failures.
  const always = alwaysAlert(score, costs);
  assert.deepEqual([always.alertCount, always.cost], [10, 3 * 100 + 10 * 10 + 7 * 1]);
});

test('of rules that cost the same the middle one is the cheapest: farthest from where it becomes dearer', () => {
  const place = (...costs: number[]) => cheapestOf(costs.map((cost) => ({ cost })));
  assert.equal(place(3, 1, 2), 1);
  assert.equal(place(3, 1, 1, 1, 2), 2);
  assert.equal(place(1), 0);
});

test('an alert long before the failure costs what a false one costs', () => {
  const early = scoreAlerts(
    [transition('late', 1, 'fired')],
    [observed('late', 80, 80)],
    score.bounds,
    dayMs,
  );
  assert.equal(early.alertCounts.early, 1);
  assert.equal(policyOf(early, costs, null).cost, 100 + 10 + 1);
});

test('the cheapest threshold is that of the least cost', () => {
  const swept = [0.1, 0.2, 0.3].map((threshold) => ({
    threshold,
    score: threshold === 0.3 ? scoreAlerts([], observations, score.bounds, dayMs) : score,
  }));
  const weighed = weighAlerts(score, swept, costs, 30);
  assert.deepEqual(
    weighed.curve.map(({ cost }) => cost),
    [2131, 2131, 3000],
  );
  assert.equal(weighed.cheapest.threshold, 0.2);
  const text = formatTradeOff(weighed).join('\n');
  assert.match(text, /rules in force +2131 +33 % warned of in time, 0\.30 alerts per machine-month/);
  assert.match(text, /never alert +3000 +0 % /);
  assert.match(text, /≥ 0\.2, cheapest +2131/);
});

test('every failure without a warning in time and every wrong alert has its story', () => {
  const forecasts = [
    forecast('missed', 41, 0.4, { coverage: 0.5, silentSensors: ['vibration'] }),
    forecast('missed', 42, 0.2, { status: 'fallback' }),
    // Before the days that are looked at, and after the failure.
    forecast('missed', 10, 0.9),
    forecast('missed', 51, 0.9),
    forecast('sound', 20, 0.7),
  ];
  const stories = alertStories(score, forecasts, alerts, { withinDays: 2, dayMs });
  assert.deepEqual(
    stories.map(({ kind, machine }) => [kind, machine]),
    [
      ['false', 'sound'],
      ['late', 'late'],
      ['missed', 'missed'],
    ],
  );
  const [falseAlarm, late, missed] = stories;
  assert.equal(falseAlarm?.cause, 'it resolved after 4.0 days: condition-cleared');
  assert.equal(falseAlarm?.highest, 0.7);
  assert.match(late?.cause ?? '', /fired 2\.0 days before/);
  assert.equal(late?.highest, null);
  assert.match(missed?.cause ?? '', /rule r: pending, but gone again before its hold time/);
  assert.deepEqual(
    [missed?.forecastCount, missed?.highest, missed?.newest, missed?.coverage, missed?.poorCount],
    [2, 0.4, 0.2, 0.75, 1],
  );
  assert.deepEqual(missed?.silentSensors, ['vibration']);
  assert.match(
    formatStories(stories, 2).join('\n'),
    /sound, 1970-01-21: false alarm of rule r: .*at most 70 %[\s\S]*and 1 more/,
  );
});

test('what nothing stood in the way of did not reach a threshold', () => {
  const cause = (forecasts: readonly ForecastRecord[], transitions: readonly AlertRecord[]) =>
    alertStories(
      scoreAlerts(transitions, [observed('m', 60, 50)], score.bounds, dayMs),
      forecasts,
      transitions,
      { withinDays: 2, dayMs },
    ).find(({ kind }) => kind === 'missed')?.cause;
  assert.match(cause([forecast('m', 45, 0.3)], []) ?? '', /reached no threshold/);
  assert.match(cause([], []) ?? '', /there was no forecast/);
  const blind = forecast('m', 45, 0, { status: 'not-assessable', probabilities: [] });
  assert.match(cause([blind], []) ?? '', /no forecast could be assessed/);
  assert.match(cause([], [transition('m', 45, 'pending')]) ?? '', /hold time was too long/);
  const cleared = [transition('m', 44, 'fired'), transition('m', 46, 'resolved', 1, 44)];
  assert.match(cause([], cleared) ?? '', /its alert had cleared/);
});
