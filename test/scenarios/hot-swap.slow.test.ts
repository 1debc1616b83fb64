// A newly trained network takes the place of the one in use while the pipeline runs: no forecast is lost, every batch is
// by one network, every forecast is what the network that it names says; a network that cannot be used changes nothing.
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../../app/config.js';
import { anyStepCloses, feedDataset, topicOfMachine } from '../../app/history.js';
import { LiveModels } from '../../app/live-models.js';
import { type Logger, silentLogger } from '../../app/logger.js';
import { currentVersionFolder, setCurrentVersion, versionsFolder } from '../../app/model-folder.js';
import { startPipeline } from '../../app/pipeline.js';
import { datasetMessages } from '../../app/replay-messages.js';
import { replayTo } from '../../app/replay-schedule.js';
import { roles } from '../../app/roles.js';
import { forecastStage, stepStage } from '../../app/stages.js';
import { replay } from '../../backtest/replay.js';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { Log, PartitionHandler } from '../../domain/log.js';
import { decodeRecord, topics } from '../../domain/topics.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { makePlant, type Plant, pumpHistory, removePlant, trainPumps } from './plant.js';

let plant: Plant;
let deployment: Deployment;
/** Two networks of the same machine type. */
let versions: readonly [string, string];

before(async () => {
  plant = makePlant();
  const found: string[] = [];
  for (const seed of [1, 2]) {
    deployment = await trainPumps(plant, seed);
    found.push(basename((await currentVersionFolder(modelDir(), 'pump')) ?? ''));
  }
  versions = found as [string, string];
  assert.notEqual(...versions);
});
after(() => removePlant(plant));

const modelDir = () => deployment.config.model.dir;
const takeIntoUse = (version: string) => setCurrentVersion(modelDir(), 'pump', version);

/** Every forecast of the pumps' history, by one network or as `wrap` has it. */
async function replayPumps(models: LiveModels, wrap: (handler: PartitionHandler) => PartitionHandler) {
  const log = new MemoryLog();
  try {
    const stage = forecastStage(deployment, models);
    const handlerFor = models.holding(stage.handlerFor);
    return await replay({
      log,
      partitionCount: deployment.config.log.partitions,
      stages: [stepStage(deployment), { ...stage, handlerFor: (partition) => wrap(handlerFor(partition)) }],
      feed: feedDataset(deployment, pumpHistory()),
      batchRecordsMax: 20,
    });
  } finally {
    await log.close();
  }
}

/** What each network says of every window, by machine, origin and revision. */
async function answersOf(version: string): Promise<ReadonlyMap<string, string>> {
  await takeIntoUse(version);
  const models = await LiveModels.open(deployment, silentLogger, wallClock);
  try {
    const { forecasts } = await replayPumps(models, (handler) => handler);
    return new Map(forecasts.map((forecast) => [identity(forecast), JSON.stringify(forecast)]));
  } finally {
    await models.close();
  }
}

const identity = ({ machine, originMs, revision }: ForecastRecord) => `${machine} ${originMs} ${revision}`;

test('a swap in the middle of a batch: the batch ends with the network that it began with, the next has the new one', async () => {
  const answers = new Map<string, ReadonlyMap<string, string>>();
  for (const version of versions) answers.set(version, await answersOf(version));
  const models = await LiveModels.open(deployment, silentLogger, wallClock);
  const batches: string[][] = [];
  let batchCount = 0;
  try {
    const { forecasts } = await replayPumps(models, (handler) => ({
      restore: (state) => handler.restore(state),
      close: () => handler.close(),
      process: async (batch) => {
        const processed = handler.process(batch);
        // The new network is opened and takes over while this batch waits for the old one.
        await takeIntoUse(versions[batchCount++ % 2] as string);
        const swapped = models.check();
        const checkpoint = await processed;
        await swapped;
        const by = (checkpoint?.outputs ?? []).flatMap((output) => {
          const made = decodeRecord(topics.forecasts, { ...output, offset: 0 });
          return made.kind === 'forecast' ? [made.model] : [];
        });
        if (by.length > 0) batches.push([...new Set(by)]);
        return checkpoint;
      },
    }));
    assert(batches.length > 10, `${batches.length} batches`);
    for (const by of batches) assert.equal(by.length, 1, `a batch by ${by.join(' and ')}`);
    assert.deepEqual(new Set(batches.flat()), new Set(versions), 'both networks had batches');
    // On a fast machine several batches pass while one network is opened.
    assert(models.swapCount > 2, `${models.swapCount} swaps`);
    const wanted = answers.get(versions[0]) as ReadonlyMap<string, string>;
    assert.deepEqual(forecasts.map(identity).sort(), [...wanted.keys()].sort(), 'none lost, none doubled');
    for (const forecast of forecasts)
      assert.equal(JSON.stringify(forecast), answers.get(forecast.model)?.get(identity(forecast)));
  } finally {
    await models.close();
  }
});

test('a running pipeline takes a newly trained network into use, and loses no forecast', async () => {
  const answers = await answersOf(versions[0]);
  const { config } = deployment;
  const quick = { ...deployment, config: { ...config, model: { ...config.model, checkEveryMs: 10 } } };
  const pipeline = await startPipeline({ deployment: quick, roles: new Set(roles), logger: silentLogger });
  const publisher = await connectPublisher({ url: pipeline.ingest?.brokerUrl ?? '' });
  let published = 0;
  await replayTo(
    async (topic, payload) => {
      published += 1;
      if (published === 200) {
        while (!(await hasForecast(pipeline.log))) await sleep(10);
        await takeIntoUse(versions[1]);
        while (pipeline.models?.swapCount === 0) await sleep(10);
      }
      await Promise.race([publisher.publish(topic, payload), pipeline.failed]);
    },
    datasetMessages(pumpHistory(), topicOfMachine(deployment)),
    { speed: 'max', clockMessages: anyStepCloses(deployment) },
  );
  await publisher.end();
  await pipeline.close();
  const log = await openEmbeddedLog({ dir: join(config.dataDir, 'log'), mode: 'read-only' });
  try {
    const identities: string[] = [];
    const byBoth = new Set<string>();
    for (const { partition, beginOffset } of await log.status(topics.forecasts)) {
      const forecasts: ForecastRecord[] = [];
      for await (const record of log.read({ topic: topics.forecasts, partition }, beginOffset)) {
        const made = decodeRecord(topics.forecasts, record);
        if (made.kind === 'forecast') forecasts.push(made);
      }
      identities.push(...forecasts.map(identity));
      const models = forecasts.map(({ model }) => model);
      const firstNew = models.indexOf(versions[1]);
      assert(
        firstNew < 0 || !models.slice(firstNew).includes(versions[0]),
        'after the new network never the old one again',
      );
      for (const model of models) byBoth.add(model);
    }
    assert.deepEqual(identities.sort(), [...answers.keys()].sort(), 'none lost, none doubled');
    assert.deepEqual(byBoth, new Set(versions));
  } finally {
    await log.close();
  }
});

async function hasForecast(log: Log): Promise<boolean> {
  for (const { partition } of await log.status(topics.forecasts))
    for await (const record of log.read({ topic: topics.forecasts, partition }, 0))
      if (decodeRecord(topics.forecasts, record).kind === 'forecast') return true;
  return false;
}

test('a network that cannot be used leaves the one in use, says so once, and is taken as soon as it is whole', async () => {
  await takeIntoUse(versions[0]);
  const said: string[] = [];
  const logger: Logger = { ...silentLogger, error: (_fields, message) => void said.push(message) };
  const models = await LiveModels.open(deployment, logger, wallClock);
  try {
    const folder = versionsFolder(modelDir(), 'pump');
    const whole = join(folder, versions[1]);
    const broken = join(folder, 'broken');
    cpSync(whole, broken, { recursive: true });
    appendFileSync(join(broken, 'model.onnx'), 'x');
    await takeIntoUse('broken');
    await models.check();
    await models.check();
    assert.equal(models.get('pump')?.version, versions[0]);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', new RegExp(`${versions[0]} stays in use for pump: .*model.onnx was changed`));
    const [check] = models.health();
    assert.equal(check?.status, 'degraded');
    assert.match(check?.detail ?? '', /stays in use/);

    // It was still being copied.
    rmSync(broken, { recursive: true });
    cpSync(whole, broken, { recursive: true });
    await models.check();
    assert.equal(models.get('pump')?.version, versions[1]);
    assert.deepEqual(models.health(), []);

    writeFileSync(join(folder, 'current'), '../elsewhere\n');
    await models.check();
    assert.match(said[1] ?? '', /should hold one model version/);
    assert.equal(models.get('pump')?.version, versions[1]);
  } finally {
    await models.close();
  }
});

test('a plant that starts without a network takes the first that is trained; a broken one stops it from starting', async () => {
  const dir = join(plant.dir, 'other-models');
  mkdirSync(join(dir, 'pump'), { recursive: true });
  const other = {
    ...deployment,
    config: { ...deployment.config, model: { ...deployment.config.model, dir } },
  };
  const models = await LiveModels.open(other, silentLogger, wallClock);
  try {
    assert.equal(models.get('pump'), undefined);
    cpSync(join(versionsFolder(modelDir(), 'pump'), versions[0]), join(dir, 'pump', versions[0]), {
      recursive: true,
    });
    await setCurrentVersion(dir, 'pump', versions[0]);
    await models.check();
    assert.equal(models.get('pump')?.version, versions[0]);
  } finally {
    await models.close();
  }
  rmSync(join(dir, 'pump', versions[0], 'model.onnx'));
  await assert.rejects(LiveModels.open(other, silentLogger, wallClock), UserError);
});
