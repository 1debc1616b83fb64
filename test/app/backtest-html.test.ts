// A small plant's history judged: the report needs nothing but itself, and the thresholds go through the live alert stage.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { alertsUnder, alertsUnderCandidates, readForecasts, ruleConfig } from '../../app/alert-sweep.js';
import { type BacktestOutcome, runBacktest } from '../../app/backtest.js';
import { backtestHtml } from '../../app/backtest-html.js';
import type { Deployment } from '../../app/config.js';
import { buildHistories } from '../../app/history.js';
import { silentLogger } from '../../app/logger.js';
import { openPredictors, requirePredictor } from '../../app/predictors.js';
import { costsSchema } from '../../backtest/alert-cost.js';
import { alertBoundsSchema } from '../../backtest/alert-score.js';
import { replayTopicSpecs } from '../../backtest/replay.js';
import { probabilityWithin } from '../../domain/forecast.js';
import type { MachineType } from '../../domain/machine-type.js';
import { encodeRecord, topics } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { makePlant, type Plant, pumpHistory, removePlant, trainPumps } from '../scenarios/plant.js';

let plant: Plant;
let deployment: Deployment;
let type: MachineType;
let outcome: BacktestOutcome;

before(async () => {
  plant = makePlant();
  deployment = await trainPumps(plant);
  type = deployment.types.get('pump') as MachineType;
  const dataset = pumpHistory();
  const predictors = await openPredictors(deployment, silentLogger);
  outcome = await runBacktest({
    deployment,
    type,
    predictor: requirePredictor(predictors.byType, 'pump'),
    source: { kind: 'dataset', dataset },
    training: (await buildHistories(deployment, dataset)).get('pump') ?? [],
    selection: 'all',
    bounds: alertBoundsSchema.parse({}),
    costs: costsSchema.parse({}),
  });
  await predictors.close();
});
after(() => removePlant(plant));

test('a lower threshold never warns of fewer failures; the costs are weighed at every threshold', () => {
  const { curve, never } = outcome.tradeOff;
  assert.equal(curve.length, 16);
  curve.slice(1).forEach((policy, index) => {
    const lower = curve[index]?.warnedShare ?? 0;
    assert.ok((policy.warnedShare ?? 0) <= lower, `${policy.threshold}: ${policy.warnedShare} > ${lower}`);
  });
  assert.equal(never.cost, 10 * 100);
});

test('the report needs nothing but itself, and has no figure that is none', () => {
  const html = backtestHtml(outcome, '<pumps & co>', ['seen "before"']);
  assert.match(html, /<h1>Backtest on &#60;pumps &#38; co&#62;<\/h1>/);
  assert.match(html, /seen &#34;before&#34;/);
  assert.doesNotMatch(html, /https?:|<script|<link|<img|src=|url\(|@import/);
  assert.doesNotMatch(html, /NaN|Infinity|undefined/);
  assert.equal(html.match(/<figure>/g)?.length, 1 + 2 + 3, 'Brier, two days, leads, trade-off, costs');
  assert.equal(html.match(/class="failed"/g)?.length, 10, 'every failure is on the timeline');
  const { failureCounts, alertCounts } = outcome.report.alerts ?? assert.fail();
  for (const [verdict, count] of [...Object.entries(failureCounts), ...Object.entries(alertCounts)])
    assert.equal(
      html.includes(`<th>${verdict.replaceAll('-', ' ')}</th><td>${count}</td>`),
      count > 0,
      verdict,
    );
});

test('the swept rule is one of the alert stage: from its threshold on, until a fifth below', async () => {
  const log = new MemoryLog();
  await log.ensureTopics(replayTopicSpecs(1));
  const [first] = outcome.replayed.forecasts.filter((each) => (probabilityWithin(each, 5) ?? 0) > 0);
  assert.ok(first);
  const said = [0.1, 0.5, 0.45, 0.39, 0.5];
  await log.append(
    said.map((probability, index) =>
      encodeRecord(topics.forecasts, 0, {
        ...first,
        revision: 0,
        status: 'ok',
        originMs: first.originMs + index * 3_600_000,
        stepIndex: 10 + index,
        probabilities: [0, 0, 0, 0, probability],
      }),
    ),
  );
  const forecasts = await readForecasts(log);
  await log.close();
  const rule = { withinSteps: 5, threshold: 0.5, holdSteps: 0 };
  const config = deployment.config.alerts;
  const rules = [ruleConfig('candidate-0', rule, config, type, 3_600_000)];
  const alerts = await alertsUnder({ ...config, rules }, [type], forecasts);
  assert.deepEqual(
    alerts.map(({ transition, timeMs }) => [transition, (timeMs - first.originMs) / 3_600_000]),
    [
      ['fired', 1],
      ['resolved', 3],
      ['fired', 4],
    ],
  );
  const held = { ...rule, holdSteps: 1 };
  const [again, heldAlerts] = await alertsUnderCandidates(
    [{ ...rule }, held],
    config,
    type,
    3_600_000,
    forecasts,
  );
  assert.deepEqual(again, alerts, 'rules side by side do not disturb each other');
  assert.deepEqual(
    heldAlerts?.map(({ transition }) => transition),
    ['pending', 'fired', 'resolved', 'pending'],
  );
});

test('baselines go through the same rules: the marginal hazard alerts for every machine alike, or for none', () => {
  const names = outcome.alerting.map(({ name }) => name);
  assert.deepEqual(
    names,
    outcome.report.forecasters.map(({ name }) => name),
  );
  assert.equal(names.length, 5);
  const [pipeline, marginal] = outcome.alerting;
  assert.equal(pipeline?.inForce.figures.cost, outcome.tradeOff.inForce.cost);
  assert.equal(pipeline?.own.figures.cost, outcome.tradeOff.cheapest.cost);
  assert.equal(pipeline?.own.rule?.threshold, outcome.tradeOff.cheapest.threshold);
  for (const { own } of outcome.alerting)
    assert.ok(own.figures.cost <= outcome.tradeOff.never.cost, 'at worst, a threshold that none reaches');
  const share = marginal?.own.figures.detectedShare;
  assert.ok(share === 0 || share === 1, `${share}`);
  for (const { inForce, own } of outcome.alerting)
    for (const { figures, intervals } of [inForce, own]) {
      const interval = intervals.cost;
      assert.ok(interval && interval.low <= figures.cost && figures.cost <= interval.high);
    }
});
