// Feedback on alerts from the log and from files: it changes how they are judged, and nothing of what they were.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BacktestOutcome, runBacktest } from '../../app/backtest.js';
import { backtestHtml } from '../../app/backtest-html.js';
import type { Deployment } from '../../app/config.js';
import { buildHistories, feedDataset } from '../../app/history.js';
import { silentLogger } from '../../app/logger.js';
import { openPredictors, type Predictors, requirePredictor } from '../../app/predictors.js';
import { costsSchema } from '../../backtest/alert-cost.js';
import { type AlertScore, alertBoundsSchema } from '../../backtest/alert-score.js';
import { replayTopicSpecs } from '../../backtest/replay.js';
import { formatReport } from '../../backtest/report-text.js';
import type { Dataset } from '../../domain/dataset.js';
import type { History } from '../../domain/features.js';
import type { EventRecord } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import { encodeRecord, partitionOf, topics } from '../../domain/topics.js';
import { datasetSchema } from '../../infra/files/dataset-config.js';
import { openDataset } from '../../infra/files/open-dataset.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { makePlant, type Plant, pumpHistory, removePlant, trainPumps } from '../scenarios/plant.js';

const hourMs = 3_600_000;
const hours = 70;
let plant: Plant;
let dir: string;
let deployment: Deployment;
let type: MachineType;
let predictors: Predictors;
let training: readonly History[];
let plain: BacktestOutcome;

before(async () => {
  plant = makePlant();
  dir = mkdtempSync(join(tmpdir(), 'millwright-feedback-'));
  deployment = await trainPumps(plant);
  type = deployment.types.get('pump') as MachineType;
  training = (await buildHistories(deployment, pumpHistory())).get('pump') ?? [];
  predictors = await openPredictors(deployment, silentLogger);
  plain = await judge({ kind: 'dataset', dataset: await pumps('') });
});
after(async () => {
  await predictors.close();
  rmSync(dir, { recursive: true, force: true });
  removePlant(plant);
});

/** Four pumps for 70 hours: the first fails, one is serviced, the others run on. `feedback`: more rows of the table. */
function pumps(feedback: string): Promise<Dataset> {
  const rows = Array.from({ length: hours }, (_, hour) =>
    [0, 1, 2, 3]
      .map((pump) => `${hour * hourMs},pump-${pump},${20 + ((hour * 7 + pump * 3) % 50)},3\n`)
      .join(''),
  );
  writeFileSync(join(dir, 'readings.csv'), `time,machine,temp,vib\n${rows.join('')}`);
  writeFileSync(
    join(dir, 'events.csv'),
    `time,machine,event,code,alert,fault\n${50 * hourMs},pump-0,failure,,,\n${7 * hourMs},pump-1,maintenance,oil,,\n${feedback}`,
  );
  const events = { file: 'events.csv', timeFormat: 'ms', alert: 'alert', fault: 'fault' };
  return openDataset(
    datasetSchema.parse({
      kind: 'csv',
      readings: [{ file: 'readings.csv', timeFormat: 'ms' }],
      events: [events],
    }),
    dir,
  );
}

function judge(source: Parameters<typeof runBacktest>[0]['source']): Promise<BacktestOutcome> {
  return runBacktest({
    deployment,
    type,
    predictor: requirePredictor(predictors.byType, 'pump'),
    source,
    training,
    selection: 'all',
    bounds: alertBoundsSchema.parse({}),
    costs: costsSchema.parse({}),
  });
}

const verdictsOf = ({ report }: BacktestOutcome) =>
  (report.alerts as AlertScore).alerts.map(({ machine, verdict }) => `${machine} ${verdict}`).sort();

/** The first alert of a pump, of the run without feedback. */
const alertOf = (pump: number): string =>
  plain.report.alerts?.alerts.find(({ machine }) => machine === `pump-${pump}`)?.alertId ?? assert.fail();

/** What is said, long after: of the pump, hours after the start. */
const said = () =>
  [
    { pump: 0, code: 'false', hour: 60 },
    { pump: 1, code: 'true', hour: 61 },
    { pump: 2, code: 'false', hour: 62 },
    { pump: 2, code: 'unclear', hour: 200 },
    { pump: 3, code: 'true', hour: 200 },
  ].map((each) => ({ ...each, alert: alertOf(each.pump) }));

test('without feedback: the alert of the failed pump was true, that of the serviced one is not known', () => {
  const verdicts = verdictsOf(plain);
  assert.ok(verdicts.includes('pump-0 true'));
  assert.ok(verdicts.includes('pump-1 intervened'));
  assert.ok(verdicts.includes('pump-2 false'));
  assert.ok(verdicts.includes('pump-3 false'));
  assert.doesNotMatch(formatReport(plain.report), /Feedback|confirmed/);
  assert.doesNotMatch(backtestHtml(plain, 'pumps', []), /What people said|confirmed/);
});

test('from the events of a file: judged by what was said, the forecasts and alerts as without', async () => {
  const rows = said().map(
    ({ pump, code, hour, alert }) => `${hour * hourMs},pump-${pump},feedback,${code},${alert},BRG-2\n`,
  );
  assertJudgedBySaid(await judge({ kind: 'dataset', dataset: await pumps(rows.join('')) }), plain);
});

test('from the log of a plant: the same', async () => {
  const log = new MemoryLog();
  const { partitions } = deployment.config.log;
  await log.ensureTopics(replayTopicSpecs(partitions));
  for await (const records of feedDataset(deployment, await pumps(''))) await log.append(records);
  const before = await judge({ kind: 'log', log });
  const { site, line } = before.replayed.alerts[0] ?? assert.fail();
  const events = said().map(
    ({ pump, code, hour, alert }): EventRecord => ({
      ...{ kind: 'event', event: 'feedback', machine: `pump-${pump}`, type: 'pump', site, line },
      ...{ eventTimeMs: hour * hourMs, ingestTimeMs: hour * hourMs, code, by: '', comment: '' },
      ...{ alert, fault: 'BRG-2' },
    }),
  );
  await log.append(
    events.map((event) => encodeRecord(topics.inputs, partitionOf(event.machine, partitions), event)),
  );
  assertJudgedBySaid(await judge({ kind: 'log', log }), before);
  await log.close();
});

/** All that was forecast and told while the pumps spoke: later rows let the clock go on, and move offsets. */
const outputsOf = ({ replayed: { forecasts, alerts } }: BacktestOutcome): string =>
  JSON.stringify(
    [
      forecasts.filter(({ originMs }) => originMs <= hours * hourMs),
      alerts.filter(({ timeMs }) => timeMs <= hours * hourMs),
    ],
    (key, value: unknown) => (key.endsWith('Offset') ? undefined : value),
  );

function assertJudgedBySaid(outcome: BacktestOutcome, without: BacktestOutcome): void {
  assert.ok(outputsOf(outcome) === outputsOf(without), 'forecasts and alerts');
  assert.deepEqual(
    outcome.observations,
    // The service of pump-1 answered a confirmed alert: nobody knows what it prevented.
    without.observations.map((each) =>
      each.machine === 'pump-1' ? { ...each, repairsMs: [7 * hourMs] } : each,
    ),
    'nobody watched when the last word was said',
  );
  // Of its rows only those are judged at the last day of whose days all are known.
  const rowsAt = ({ report }: BacktestOutcome) => report.forecasters[0]?.days.at(-1)?.rowCount ?? 0;
  assert.equal(rowsAt(without) - rowsAt(outcome), type.horizonSteps);
  const verdicts = verdictsOf(outcome);
  assert.ok(verdicts.includes('pump-0 true'), 'the failure counts');
  assert.ok(verdicts.includes('pump-1 confirmed'));
  assert.ok(verdicts.includes('pump-2 unclear'));
  assert.ok(verdicts.includes('pump-3 confirmed'));
  const alerts = outcome.report.alerts as AlertScore;
  assert.equal(alerts.alerts.find(({ machine }) => machine === 'pump-3')?.feedback?.fault, 'BRG-2');
  // The sweep and the baselines are judged by the same findings.
  const swept = ({ tradeOff }: BacktestOutcome) =>
    tradeOff.curve.find(({ alertCount }) => alertCount > 0) ?? assert.fail('no threshold alerts');
  assert.ok(swept(outcome).cost < swept(without).cost);
  assert.match(
    formatReport(outcome.report),
    /Feedback on 4 alerts: 2 confirmed, though no failure came; 0 false; 1 unclear, left out of the precision; 1 followed by a failure/,
  );
  const html = backtestHtml(outcome, 'pumps', []);
  assert.match(html, /What people said of the alerts/);
  assert.match(html, /there was a fault<\/td><td>BRG-2<\/td><td><\/td><td>confirmed/);
  assert.doesNotMatch(html, /NaN|Infinity|undefined/);
}
