// Networks that go wrong, and machines whose readings do: the forecasts of a plant go down the ladder, and up again.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import type { Deployment } from '../../app/config.js';
import { feedDataset } from '../../app/history.js';
import { LiveModels } from '../../app/live-models.js';
import { type Logger, silentLogger } from '../../app/logger.js';
import { modelInUse, setCurrentVersion, versionsFolder } from '../../app/model-folder.js';
import { forecastStage, stepStage } from '../../app/stages.js';
import { replay } from '../../backtest/replay.js';
import { wallClock } from '../../domain/clock.js';
import type { Dataset } from '../../domain/dataset.js';
import type { Predictor } from '../../domain/features.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { readArtifact, writeVersion } from '../../model/artifact.js';
import { dim } from '../../model/graph/dims.js';
import { Graph, type Tensor } from '../../model/graph/graph.js';
import { continueModel, decodeModel, encodeModel } from '../../model/graph/model-file.js';
import { add } from '../../model/graph/operators/add.js';
import { multiply } from '../../model/graph/operators/multiply.js';
import { subtract } from '../../model/graph/operators/subtract.js';
import { squareRoot } from '../../model/graph/operators/without-gradient.js';
import { openPredictor } from '../../model/predict.js';
import { hourMs, makePlant, type Plant, pumpHistory, removePlant, trainPumps } from './plant.js';

const engine = new OnnxEngine();
let plant: Plant;
let deployment: Deployment;
let sound: Predictor;
/** What the sound network makes of the history. */
let soundly: readonly ForecastRecord[];

before(async () => {
  plant = makePlant();
  deployment = await trainPumps(plant);
  sound = await openPredictor(await modelInUse(deployment.config.model.dir, 'pump'), engine);
  soundly = await forecastsBy(sound);
});
after(async () => {
  await sound.close();
  await engine.close();
  removePlant(plant);
});

/** Final forecasts of all pumps, in the order of the log. */
async function forecastsBy(predictor: Predictor, dataset = pumpHistory()): Promise<ForecastRecord[]> {
  const log = new MemoryLog();
  try {
    const { forecasts } = await replay({
      log,
      partitionCount: deployment.config.log.partitions,
      stages: [stepStage(deployment), forecastStage(deployment, new Map([['pump', predictor]]))],
      feed: feedDataset(deployment, dataset),
    });
    return forecasts.filter(({ status }) => status !== 'provisional');
  } finally {
    await log.close();
  }
}

/** The network in use with its curve changed, and with the same simple models or none; its folder. */
async function writeChanged(
  change: (curve: Tensor, graph: Graph) => Tensor,
  isOld = false,
): Promise<{ readonly version: string; readonly directory: string }> {
  const { dir } = deployment.config.model;
  const artifact = await readArtifact(await modelInUse(dir, 'pump'));
  const graph = new Graph();
  const curve = graph.input('failureProbabilities', [dim('batch', null), dim('horizon', 5)]);
  graph.output('failureProbabilities', change(curve, graph));
  const { preprocessing, metrics, codeVersion, simpleModels } = artifact;
  return writeVersion(versionsFolder(dir, 'pump'), codeVersion, {
    family: 'lstm',
    model: encodeModel(continueModel(decodeModel(artifact.model), graph, 'fault')),
    preprocessing,
    log: [],
    metrics,
    lineage: undefined,
    card: () => '',
    simpleModels: isOld ? undefined : simpleModels,
  });
}

async function withCurve(change: (curve: Tensor, graph: Graph) => Tensor): Promise<Predictor> {
  return openPredictor((await writeChanged(change)).directory, engine);
}

/** No number where a day's probability is above. */
const brokenAbove = (limit: number) => (curve: Tensor, graph: Graph) =>
  add(curve, multiply(squareRoot(subtract(graph.scalar(limit), curve)), graph.scalar(0)));

const originOf = ({ machine, originMs }: ForecastRecord) => `${machine} ${originMs}`;

test('a sound network forecasts all that can be assessed', () => {
  const statuses = soundly.map(({ status }) => status);
  assert.ok(statuses.filter((status) => status === 'ok').length > 250, `${statuses.length} forecasts`);
  assert.deepEqual([...new Set(statuses)].sort(), ['not-assessable', 'ok']);
});

test('a network that gives no numbers for some windows: smoothed readings for these and the two origins after', async (t) => {
  const last = soundly.flatMap(({ probabilities }) => probabilities.at(-1) ?? []).sort((a, b) => a - b);
  const limit = last[Math.floor(0.9 * last.length)] as number;
  const broken = await withCurve(brokenAbove(limit));
  const told = new Map((await forecastsBy(broken)).map((record) => [originOf(record), record]));
  const isFault = ({ probabilities }: ForecastRecord) => (probabilities.at(-1) ?? 0) > limit;
  const machines = new Set(soundly.map(({ machine }) => machine));
  let heldCount = 0;
  for (const machine of machines) {
    const own = soundly.filter((each) => each.machine === machine);
    own.forEach((wanted, index) => {
      const { status, rung, reason, probabilities } = told.get(originOf(wanted)) as ForecastRecord;
      const isHeld = own.slice(Math.max(0, index - 2), index).some(isFault);
      if (isFault(wanted)) assert.match(reason, /^the model gave NaN for day \d$/);
      else if (isHeld && wanted.status === 'ok')
        assert.match(reason, /NaN.*; [12] of 3 forecasts in a row were good/);
      else assert.deepEqual([status, probabilities], [wanted.status, wanted.probabilities]);
      if (!isFault(wanted) && !isHeld) return;
      heldCount += isFault(wanted) ? 0 : 1;
      assert.deepEqual([status, rung], ['fallback', 'smoothing']);
      assert.ok(probabilities.every((p, day) => p >= (probabilities[day - 1] ?? 0) && p <= 1));
    });
  }
  assert.ok(heldCount > 5, `${heldCount} forecasts after a fault`);
  t.diagnostic(`${[...told.values()].filter(({ rung }) => rung).length} of ${told.size} forecasts fell back`);
  await broken.close();
});

test('a network that calls every machine as good as lost: smoothed readings, where they do not say the same', async () => {
  const mad = await withCurve((curve, graph) => add(multiply(curve, graph.scalar(1e-3)), graph.scalar(0.99)));
  for (const { stepIndex, status, rung, reason } of await forecastsBy(mad)) {
    if (status === 'not-assessable' || stepIndex > 8) continue;
    assert.deepEqual([status, rung], ['fallback', 'smoothing']);
    assert.match(reason, /the network lies \d+ % above the smoothed readings, more than validation allows/);
  }
  await mad.close();
});

/** Pump 1 with other readings from the tenth to the nineteenth hour. */
function rescaled(change: (values: Readonly<Record<string, number>>) => Record<string, number>): Dataset {
  const history = pumpHistory();
  return {
    ...history,
    async *records() {
      for await (const record of history.records()) {
        const hour = record.timeMs / hourMs;
        const isOff = record.machine === 'pump-1' && hour >= 10 && hour < 20;
        yield isOff && record.kind === 'readings' ? { ...record, values: change(record.values) } : record;
      }
    },
  };
}

/** Of pump 1, by the hour whose readings are the newest. */
async function pump1(dataset: Dataset): Promise<ReadonlyMap<number, ForecastRecord>> {
  const all = await forecastsBy(sound, dataset);
  const others = (records: readonly ForecastRecord[]) =>
    records.filter(({ machine }) => machine !== 'pump-1').map(({ stepOffset: _, ...rest }) => rest);
  assert.deepEqual(others(all), others(soundly), 'other machines are as they were');
  return new Map(
    all.filter(({ machine }) => machine === 'pump-1').map((record) => [record.stepIndex, record]),
  );
}

test('a sensor that is rescaled: smoothed readings once its values are too many, the network when they are gone', async () => {
  const told = await pump1(rescaled((values) => ({ ...values, vib: 10 * (values.vib as number) })));
  const statuses = Array.from({ length: 25 }, (_, hour) => told.get(hour)?.status);
  // Two of four features: 10 % of the newest five hours' values are off at first, then 20 %, then more.
  assert.deepEqual(statuses.slice(3, 12), Array(9).fill('ok'));
  // From 22 on these are 20 % again: the third good origin is 24.
  assert.deepEqual(statuses.slice(12, 24), Array(12).fill('fallback'));
  assert.equal(statuses[24], 'ok');
  const newest = told.get(15) as ForecastRecord;
  assert.equal(newest.rung, 'smoothing');
  assert.match(
    newest.reason,
    /^50 % of the newest values are beyond what training knew, such as vib\.m(ean|ax) 3\d(\.\d)? \(2\.\d+ to 4\.\d+\)$/,
  );
});

test('all sensors of a machine beyond what training knew: the readings say nothing, and nobody knows the age of a pump', async () => {
  const told = await pump1(rescaled(() => ({ temp: -40, vib: 45 })));
  const { status, reason } = told.get(15) as ForecastRecord;
  assert.equal(status, 'not-assessable');
  assert.match(reason, /^100 % of the newest values are beyond what training knew/);
  assert.equal(told.get(27)?.status, 'ok');
});

test('a version of before there were simple models: its network or nothing, and it says so once', async () => {
  const { dir } = deployment.config.model;
  const before = basename(await modelInUse(dir, 'pump'));
  // It is tried on a window of zeros when it is opened, and must pass.
  const { contextSteps, names } = sound.spec;
  const zeros = { rows: new Float32Array(contextSteps * names.length), stepCount: contextSteps };
  const limit = (await sound.predict([zeros])).at(-1) as number;
  const { version } = await writeChanged(brokenAbove(limit), true);
  await setCurrentVersion(dir, 'pump', version);
  const said: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void said.push(message) };
  const models = await LiveModels.open(deployment, logger, wallClock);
  try {
    await models.check();
    assert.deepEqual(
      said.filter((message) => message.includes('simple models')),
      [
        `${version} has no simple models: where it cannot be used or believed, machines of type pump are not assessable; \`millwright train\` makes a version that has them`,
      ],
    );
    const told = await forecastsBy(models.get('pump') ?? assert.fail());
    const faults = told.filter(({ reason }) => reason.startsWith('the model gave NaN for day'));
    assert.ok(faults.length > 10, `${faults.length} faults`);
    assert.equal(
      faults.length,
      soundly.filter(({ probabilities }) => (probabilities.at(-1) ?? 0) > limit).length,
    );
    assert.deepEqual(
      faults.filter(({ status }) => status !== 'not-assessable'),
      [],
    );
  } finally {
    await models.close();
    await setCurrentVersion(dir, 'pump', before);
  }
});
