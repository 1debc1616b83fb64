// One pipeline, two clocks: engines run live over MQTT give the same forecasts and alerts, byte for byte, as the same
// engines in a backtest, as a replay of what the live run recorded, and as a live run that was interrupted; `track` says of
// them what the backtest says.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { runBacktest } from '../../app/backtest.js';
import { keepMachines, openDatasetFile } from '../../app/commands/options.js';
import { type Deployment, loadDeployment } from '../../app/config.js';
import { anyStepCloses, buildHistories, feedDataset, topicOfMachine } from '../../app/history.js';
import { silentLogger } from '../../app/logger.js';
import { type Pipeline, startPipeline } from '../../app/pipeline.js';
import { openPredictors, requirePredictor } from '../../app/predictors.js';
import { datasetMessages } from '../../app/replay-messages.js';
import { replayTo } from '../../app/replay-schedule.js';
import { roles } from '../../app/roles.js';
import { alertStage, forecastStage, stepStage } from '../../app/stages.js';
import { trackForecasts } from '../../app/track.js';
import { chooseType, trainNetworkFor } from '../../app/training.js';
import { costsSchema } from '../../backtest/alert-cost.js';
import { alertBoundsSchema } from '../../backtest/alert-score.js';
import { replay } from '../../backtest/replay.js';
import type { BacktestReport } from '../../backtest/report.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { Dataset } from '../../domain/dataset.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { Log } from '../../domain/log.js';
import { decodeRecord } from '../../domain/topics.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { openEmbeddedStore } from '../../infra/embedded/store.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { connectPublisher, type Publisher } from '../../infra/mqtt/publisher.js';
import { trainingConfigSchema } from '../../model/config.js';
import { assertSameOutputs, recordsOf, replayInputs } from './recorded.js';

const turbofan = resolve('data/cmapss/turbofan.yaml');
const watched = 'unit-81,unit-82,unit-83,unit-84,unit-85';

/** Low thresholds with little room to reset: alerts that come and go from a network that has hardly been trained. */
const deploymentText = `machineTypes: [${JSON.stringify(turbofan)}]
machines: [{ match: "unit-*", site: nasa, line: FD001 }]
dataDir: DATA
model: { dir: models }
mqtt: { kind: embedded, port: 0 }
http: { port: 0 }
ingest: { time: messages }
log: { kind: embedded, partitions: 2, retentionMs: 1000d }
alerts:
  rules:
    - name: month
      condition: failure_probability(30d)
      severities: [{ name: warning, set: 0.2, reset: 0.18 }, { name: critical, set: 0.35, reset: 0.3 }]
    - name: week
      condition: failure_probability(7d)
      severities: [{ name: info, set: 0.05, reset: 0.049 }]
`;

test('live, backtest, replay of the recording and interrupted live runs: the same bytes', {
  timeout: 600_000,
  skip: existsSync(turbofan) ? false : `${turbofan} is missing: run the tests from the repository's root`,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-scenario-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const plant = (data: string): Deployment => {
    const file = join(dir, `${data}.yaml`);
    writeFileSync(file, deploymentText.replace('DATA', data));
    return loadDeployment(file);
  };
  const all = await openDatasetFile(resolve('examples/demo/train.yaml'));
  const training = keepMachines(
    all,
    'unit-1,unit-2,unit-3,unit-4,unit-5,unit-6,unit-7,unit-8,unit-9,unit-10',
  );
  const dataset = keepMachines(all, watched);
  const live = plant('live');
  const type = chooseType(live.types, undefined);
  const histories = (await buildHistories(live, training)).get(type.name) ?? [];
  await trainNetworkFor({
    type,
    histories,
    modelDir: live.config.model.dir,
    config: trainingConfigSchema.parse({ hiddenSize: 16, steps: 60 }),
    seed: 1,
  });

  await runLive(live, dataset, []);
  const recorded = await openEmbeddedLog({ dir: join(live.config.dataDir, 'log'), mode: 'read-only' });
  t.after(() => recorded.close());
  const predictors = await openPredictors(live, silentLogger);
  t.after(() => predictors.close());

  const backtested = new MemoryLog();
  await replay({
    log: backtested,
    partitionCount: live.config.log.partitions,
    stages: [stepStage(live), forecastStage(live, predictors.byType), alertStage(live)],
    feed: feedDataset(live, dataset),
  });
  const counts = await assertSameOutputs(recorded, backtested);
  assert.deepEqual(await recordsOf(recorded, 'inputs'), await recordsOf(backtested, 'inputs'), 'inputs too');
  assert(counts.forecasts > 900 && counts.alerts >= 10, JSON.stringify(counts));
  t.diagnostic(`${counts.forecasts} forecasts and events, ${counts.alerts} alert transitions`);

  await assertSameOutputs(recorded, await replayInputs(live, predictors.byType, recorded));

  const predictor = requirePredictor(predictors.byType, type.name);
  for (const source of [
    { kind: 'dataset', dataset },
    { kind: 'log', log: recorded },
  ] as const) {
    const { replayed } = await runBacktest({
      deployment: live,
      type,
      predictor,
      source,
      training: histories,
      selection: 'last',
      bounds: alertBoundsSchema.parse({}),
      costs: costsSchema.parse({}),
    });
    assert.deepEqual(replayed.forecasts.map(asText), await valuesOf(recorded, 'forecasts'), source.kind);
    assert.deepEqual(replayed.alerts.map(asText), await valuesOf(recorded, 'alerts'), source.kind);
  }

  // What is said of the live forecasts is what the backtest of the recording says, digit for digit.
  const common = {
    deployment: live,
    type,
    training: histories,
    bounds: alertBoundsSchema.parse({}),
  };
  const { report } = await runBacktest({
    ...common,
    predictor,
    source: { kind: 'log', log: recorded },
    selection: 'all',
    costs: costsSchema.parse({}),
  });
  const track = await trackForecasts({
    ...common,
    log: recorded,
    period: { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY },
    by: 'month',
  });
  assert(report.rows.judgedCount > 800 && report.rows.failedCount > 100, JSON.stringify(report.rows));
  assert.deepEqual(track.whole.report, report);
  // A network is answerable for alerts from its first forecast on only, a day after the first reading.
  const [only] = track.versions.map((version) => ({ ...version.report, alerts: null }));
  assert.deepEqual(only, { ...report, alerts: null });
  const sumOf = (count: (report: BacktestReport) => number | undefined) =>
    track.periods.reduce((sum, period) => sum + (count(period.report) ?? 0), 0);
  assert.equal(
    sumOf(({ rows }) => rows.judgedCount),
    report.rows.judgedCount,
  );
  assert.equal(
    sumOf(({ alerts }) => alerts?.alerts.length),
    report.alerts?.alerts.length,
  );

  const interrupted = plant('interrupted');
  await runLive(interrupted, dataset, [1 / 4, 2 / 3]);
  const again = await openEmbeddedLog({ dir: join(interrupted.config.dataDir, 'log'), mode: 'read-only' });
  t.after(() => again.close());
  assert.deepEqual(await assertSameOutputs(again, backtested), counts);
  assert.deepEqual(
    await recordsOf(again, 'inputs'),
    await recordsOf(backtested, 'inputs'),
    'the clock went on',
  );
  assert.deepEqual(await storedForecasts(interrupted, dataset), await storedForecasts(live, dataset));
});

/**
 * Publishes the data set to a pipeline of its own over a socket, as `millwright replay` would, and drains it. At each of
 * the given shares of the messages the pipeline is closed and opened again.
 */
async function runLive(
  deployment: Deployment,
  dataset: Dataset,
  interruptions: readonly number[],
): Promise<void> {
  let total = 0;
  for await (const _ of dataset.records()) total++;
  const stops = new Set(interruptions.map((share) => Math.round(share * total)));
  let [pipeline, publisher] = await open(deployment);
  let ready = Promise.resolve();
  let count = 0;
  const reopen = async (): Promise<void> => {
    await publisher.end();
    await pipeline.close();
    [pipeline, publisher] = await open(deployment);
  };
  const { publishedCount } = await replayTo(
    async (topic, payload) => {
      if (stops.has(count++)) ready = reopen();
      await ready;
      await Promise.race([publisher.publish(topic, payload), pipeline.failed]);
    },
    datasetMessages(dataset, topicOfMachine(deployment)),
    { speed: 'max', clockMessages: anyStepCloses(deployment) },
  );
  assert.equal(publishedCount, total);
  await publisher.end();
  const ledger = await pipeline.close();
  assert.equal(ledger.received, ledger.accepted, 'everything fits');
}

/** Forecasts or alerts of a log, in its order. */
async function valuesOf(log: Log, topic: 'forecasts' | 'alerts'): Promise<string[]> {
  const values: string[] = [];
  for (const { partition, beginOffset } of await log.status(topic))
    for await (const record of log.read({ topic, partition }, beginOffset)) {
      const value = decodeRecord(topic, record);
      if (value.kind === 'forecast' || value.kind === 'alert') values.push(asText(value));
    }
  return values;
}

function asText(record: ForecastRecord | AlertRecord): string {
  return JSON.stringify(record);
}

async function open(deployment: Deployment): Promise<[Pipeline, Publisher]> {
  const pipeline = await startPipeline({ deployment, roles: new Set(roles), logger: silentLogger });
  return [pipeline, await connectPublisher({ url: pipeline.ingest?.brokerUrl ?? '' })];
}

async function storedForecasts({ config }: Deployment, dataset: Dataset): Promise<unknown[]> {
  const store = await openEmbeddedStore({ dir: join(config.dataDir, 'store'), mode: 'read-only' });
  try {
    return await Promise.all(dataset.machines.map(({ machine }) => store.forecasts(machine)));
  } finally {
    await store.close();
  }
}
