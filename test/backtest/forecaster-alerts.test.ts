// Intervals of alert figures against draws made by hand from the fates of each machine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costsSchema } from '../../backtest/alert-cost.js';
import { alertBoundsSchema, summarizeAlerts } from '../../backtest/alert-score.js';
import { type ForecasterAlerts, judgeRule } from '../../backtest/forecaster-alerts.js';
import { formatAlerting } from '../../backtest/forecaster-alerts-text.js';
import { drawMachines } from '../../backtest/metrics/bootstrap.js';
import { quantile } from '../../backtest/metrics/quantile.js';
import type { Observation } from '../../backtest/observation.js';
import { bootstrapSeed } from '../../backtest/score-draws.js';
import { Rng } from '../../domain/rng.js';

const dayMs = 86_400_000;
const costs = costsSchema.parse({ failure: 1000, earlyMaintenance: 100, inspection: 10, falseAlarm: 1 });
const machines = ['a', 'b', 'c', 'd', 'e', 'f'];
const observations = machines.map(
  (machine): Observation => ({
    machine,
    fromMs: 0,
    watchedUntilMs: 60 * dayMs,
    failuresMs: [],
    recordEndMs: 60 * dayMs,
    observedUntilMs: 60 * dayMs,
  }),
);
// a, b, c fail: a and b are warned of, c is not; d has a false alarm; e and f nothing.
const score = summarizeAlerts({
  bounds: alertBoundsSchema.parse({}),
  dayMs,
  failures: [
    { machine: 'a', failureMs: 20 * dayMs, verdict: 'foreseen', leadDays: 10, firstAlarmDays: 10 },
    { machine: 'b', failureMs: 30 * dayMs, verdict: 'foreseen', leadDays: 20, firstAlarmDays: 20 },
    { machine: 'c', failureMs: 40 * dayMs, verdict: 'missed', leadDays: null, firstAlarmDays: null },
  ],
  alerts: [
    {
      alertId: '1',
      rule: 'r',
      machine: 'a',
      firedMs: 10 * dayMs,
      verdict: 'true',
      leadDays: 10,
      feedback: null,
    },
    {
      alertId: '2',
      rule: 'r',
      machine: 'b',
      firedMs: 10 * dayMs,
      verdict: 'true',
      leadDays: 20,
      feedback: null,
    },
    {
      alertId: '3',
      rule: 'r',
      machine: 'd',
      firedMs: 5 * dayMs,
      verdict: 'false',
      leadDays: null,
      feedback: null,
    },
  ],
  machineMonths: 12,
  unobservedCount: 0,
  tooSoonCount: 0,
});

test('the figures are those of the fates, the cost interval that of machines drawn', () => {
  const { figures, intervals } = judgeRule(null, score, observations, costs);
  assert.equal(figures.warnedShare, 2 / 3);
  assert.equal(figures.medianLeadDays, 15);
  assert.equal(figures.alertsPerMachineMonth, 3 / 12);
  assert.equal(figures.falseAlarmsPerMachineMonth, 1 / 12);
  assert.equal(figures.precision, 2 / 3);
  assert.equal(figures.cost, 1000 + 2 * 100 + 3 * 10 + 1);
  assert.equal(figures.savedOverNever, 1 - 1231 / 3000);

  const costOf: Record<string, number> = { a: 110, b: 110, c: 1000, d: 11, e: 0, f: 0 };
  const drawn = drawMachines(machines, new Rng(bootstrapSeed), 500).map((draw) =>
    draw.reduce((sum, machine) => sum + (costOf[machine] as number), 0),
  );
  const sorted = Float64Array.from(drawn).sort();
  assert.deepEqual(intervals.cost, { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) });
  assert.deepEqual(intervals.falseAlarmsPerMachineMonth?.low, 0, 'a draw without d has no false alarm');
});

test('one machine has figures and no interval', () => {
  const { intervals } = judgeRule(null, score, observations.slice(0, 1), costs);
  assert.equal(intervals.cost, null);
});

test('the table says which rules were tried on whose curves, and where they were found', () => {
  const inForce = judgeRule(null, score, observations, costs);
  const own = judgeRule({ withinSteps: 30, threshold: 0.3, holdSteps: 2 }, score, observations, costs);
  const each = (name: string): ForecasterAlerts => ({ name, inForce, own, ownFoundOn: 'other-rows' });
  const text = formatAlerting([each('v1'), each('marginal hazard')]).join('\n');
  assert.match(text, /^Alerts, with 95 % intervals +v1 +marginal hazard$/m);
  assert.match(text, /cheapest for it on other rows/);
  assert.match(text, /rule +P\(30 d\) ≥ 0\.3 for 2 d/);
  assert.match(text, /alerts per machine-month +0\.25 \(0\.\d\d–0\.\d\d\)/);
});
