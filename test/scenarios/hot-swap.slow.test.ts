// A newly trained network takes the place of the one in use while the pipeline runs: no forecast is lost, every batch is
// by one network, every forecast is what the network that it names says; a network that cannot be used changes nothing.
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../../app/config.js';
import { anyStepCloses, feedDataset, topicOfMachine } from '../../app/history.js';
import { LiveModels } from '../../app/live-models.js';
import { type Logger, silentLogger } from '../../app/logger.js';
import { currentVersionFolder, setCurrentVersion, versionsFolder } from '../../app/model-folder.js';
import { startPipeline } from '../../app/pipeline.js';
import { readAudit } from '../../app/registry/audit-log.js';
import { datasetMessages } from '../../app/replay-messages.js';
import { replayTo } from '../../app/replay-schedule.js';
import { roles } from '../../app/roles.js';
import { forecastStage, stepStage } from '../../app/stages.js';
import { readTopic } from '../../backtest/read-topic.js';
import { replay } from '../../backtest/replay.js';
import { wallClock } from '../../domain/clock.js';
import type { Dataset, DatasetRecord } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { Log, LogRecord, PartitionHandler, PartitionId } from '../../domain/log.js';
import { decodeRecord, topics } from '../../domain/topics.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { runMillwright } from './millwright-process.js';
import { hourMs, makePlant, type Plant, pumpHistory, removePlant, trainPumps } from './plant.js';

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

/** Every forecast of the pumps' history (or of another), by one network or as `wrap` has it. */
async function replayPumps(
  models: LiveModels,
  wrap: (handler: PartitionHandler) => PartitionHandler,
  pumps: Dataset = pumpHistory(),
) {
  const log = new MemoryLog();
  try {
    const stage = forecastStage(deployment, models);
    const handlerFor = models.holding(stage.handlerFor);
    return await replay({
      log,
      partitionCount: deployment.config.log.partitions,
      stages: [stepStage(deployment), { ...stage, handlerFor: (partition) => wrap(handlerFor(partition)) }],
      feed: feedDataset(deployment, pumps),
      batchRecordsMax: 20,
    });
  } finally {
    await log.close();
  }
}

/** What each network says of every window, by machine, origin and revision. */
async function answersOf(version: string, pumps?: Dataset): Promise<ReadonlyMap<string, string>> {
  await takeIntoUse(version);
  const models = await LiveModels.open(deployment, silentLogger, wallClock);
  try {
    const { forecasts } = await replayPumps(models, (handler) => handler, pumps);
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

interface MadeBatch {
  readonly partition: number;
  readonly forecasts: readonly ForecastRecord[];
}

/** Every batch of forecasts that pipelines of this process make from now on, as it is handed to the log. */
function watchBatches(t: TestContext): readonly MadeBatch[] {
  const batches: MadeBatch[] = [];
  const { holding } = LiveModels.prototype;
  t.mock.method(
    LiveModels.prototype,
    'holding',
    function (this: LiveModels, handlerFor: HandlerFor): HandlerFor {
      const held = holding.call(this, handlerFor);
      return (id) => {
        const handler = held(id);
        return {
          restore: (state) => handler.restore(state),
          close: () => handler.close(),
          process: async (batch) => {
            const checkpoint = await handler.process(batch);
            const forecasts = (checkpoint?.outputs ?? []).flatMap((output) =>
              forecastOf({ ...output, offset: 0 }),
            );
            batches.push({ partition: id.partition, forecasts });
            return checkpoint;
          },
        };
      };
    },
  );
  return batches;
}

type HandlerFor = (partition: PartitionId) => PartitionHandler;

function forecastOf(record: LogRecord): ForecastRecord[] {
  const made = decodeRecord(topics.forecasts, record);
  return made.kind === 'forecast' ? [made] : [];
}

async function forecastsIn(log: Log, partition: number): Promise<ForecastRecord[]> {
  const found: ForecastRecord[] = [];
  for await (const record of log.read({ topic: topics.forecasts, partition }, 0))
    found.push(...forecastOf(record));
  return found;
}

/** Thirty pumps that speak every hour until it is over; read again, it is as long as it was the first time. */
function pumpLoad(isOver: () => boolean) {
  const machines = Array.from({ length: 30 }, (_, index) => `pump-${index}`);
  let hours = 0;
  return {
    name: 'load',
    skipped: [],
    machines: [],
    /** One for every hour of every pump. */
    origins: () =>
      machines.flatMap((machine) =>
        Array.from({ length: hours }, (_, hour) => `${machine} ${(hour + 1) * hourMs}`),
      ),
    async *records(): AsyncGenerator<DatasetRecord> {
      for (let hour = 0; hour < hours || !isOver(); hour++) {
        hours = Math.max(hours, hour + 1);
        for (const [index, machine] of machines.entries()) {
          const temp = 50 + 30 * Math.sin(hour / 7 + index);
          yield {
            kind: 'readings',
            machine,
            timeMs: hour * hourMs,
            values: { temp, vib: 3 + Math.cos(hour * index) },
          };
        }
      }
    },
  };
}

test('a promotion and a rollback under load: no forecast lost, doubled or mixed, by a ledger of every batch and origin', async (t) => {
  await takeIntoUse(versions[0]);
  const batches = watchBatches(t);
  const { config } = deployment;
  const quick = { ...deployment, config: { ...config, model: { ...config.model, checkEveryMs: 10 } } };
  const pipeline = await startPipeline({ deployment: quick, roles: new Set(roles), logger: silentLogger });
  const publisher = await connectPublisher({ url: pipeline.ingest?.brokerUrl ?? '' });
  let over = false;
  const load = pumpLoad(() => over);
  const publishing = replayTo(
    (topic, payload) => Promise.race([publisher.publish(topic, payload), pipeline.failed]),
    datasetMessages(load, topicOfMachine(deployment)),
    { speed: 'max', clockMessages: anyStepCloses(deployment) },
  );
  /** Until every partition has batches enough after the last change, all by this version. */
  const forecastBy = async (version: string): Promise<void> => {
    const isBehind = () =>
      [0, 1, 2].some((partition) => {
        const own = batches.filter((batch) => batch.partition === partition).slice(-5);
        return (
          own.length < 5 || own.some(({ forecasts }) => forecasts.some(({ model }) => model !== version))
        );
      });
    while (isBehind())
      await Promise.race([
        sleep(10),
        pipeline.failed,
        publishing.then(() => assert.fail('the load has ended')),
      ]);
  };
  const model = async (...words: string[]) => {
    const { exitCode, stderr } = await runMillwright(t, ['model', ...words, '-c', plant.file]);
    assert.equal(exitCode, 0, stderr);
  };

  await forecastBy(versions[0]);
  await model('promote', versions[1], '--by', 'kim', '--why', 'it is newer');
  await forecastBy(versions[1]);
  await model('rollback', '--by', 'ann', '--why', 'it is worse');
  await forecastBy(versions[0]);
  over = true;
  const published = (await publishing).publishedCount;
  await publisher.end();
  const account = await pipeline.close();
  assert.equal(pipeline.models?.swapCount, 2);

  const log = await openEmbeddedLog({ dir: join(config.dataDir, 'log'), mode: 'read-only' });
  t.after(() => log.close());
  assert.equal(account.received, account.accepted, 'every reading was taken');
  assert(account.received >= published, `${account.received} of ${published} messages`);

  // Batches: one version each, changed between batches only, and in the log as they were made.
  for (const partition of [0, 1, 2]) {
    const own = batches.filter((batch) => batch.partition === partition);
    for (const { forecasts } of own)
      assert(new Set(forecasts.map(({ model }) => model)).size <= 1, 'one version a batch');
    const made = own.flatMap(({ forecasts }) => forecasts);
    assert.deepEqual(await forecastsIn(log, partition), made, 'what was made is what the log has');
    const turns = made.map(({ model }) => model).filter((model, index, all) => model !== all[index - 1]);
    assert.deepEqual(turns, [versions[0], versions[1], versions[0]], 'two changes');
  }

  // Origins: every step of every machine once in revision 0, and every later revision once.
  const forecasts = batches.flatMap((batch) => batch.forecasts);
  const revisions = new Map<string, number[]>();
  for (const { machine, originMs, revision } of forecasts) {
    const origin = `${machine} ${originMs}`;
    revisions.set(origin, [...(revisions.get(origin) ?? []), revision]);
  }
  for (const [origin, found] of revisions)
    assert.deepEqual(
      found,
      found.map((_, index) => index),
      `revisions of ${origin}`,
    );
  assert.deepEqual([...revisions.keys()].sort(), load.origins().sort(), 'none lost, none besides');

  // What each forecast says is what its version says when it alone forecasts all.
  const answers = new Map<string, ReadonlyMap<string, string>>();
  for (const version of versions) answers.set(version, await answersOf(version, load));
  const wanted = answers.get(versions[0]) as ReadonlyMap<string, string>;
  assert.deepEqual(forecasts.map(identity).sort(), [...wanted.keys()].sort());
  for (const forecast of forecasts) {
    const answer = answers.get(forecast.model)?.get(identity(forecast)) ?? '';
    // A version that has just taken over does not hold against a machine what it has not seen.
    const isNew = forecasts.some(
      ({ machine, stepIndex, model }) =>
        machine === forecast.machine &&
        model !== forecast.model &&
        stepIndex <= forecast.stepIndex &&
        stepIndex >= forecast.stepIndex - 2,
    );
    if (!isNew || !answer.includes('forecasts in a row were good since'))
      assert.equal(JSON.stringify(forecast), answer);
  }

  const { entries } = await readAudit(modelDir());
  assert.deepEqual(
    entries
      .slice(-2)
      .map((entry) => entry.action !== 'rules' && [entry.action, entry.version, entry.before, entry.by]),
    [
      ['promote', versions[1], versions[0], 'kim'],
      ['rollback', versions[0], versions[1], 'ann'],
    ],
  );
  t.diagnostic(
    `${published} messages, ${batches.length} batches, ${forecasts.length} forecasts of ${revisions.size} origins`,
  );
});

test('a version in the shadow forecasts what the one in use does, as if it were alone, until it is promoted; nobody is told', async (t) => {
  await takeIntoUse(versions[0]);
  const model = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await runMillwright(t, ['model', ...words, '-c', plant.file]);
    return { exitCode, said: stdout + stderr };
  };
  assert.match((await model('gate')).said, /no version scores in the shadow of pump: name one first/);
  assert.equal((await model('shadow', versions[1])).exitCode, 0);
  const { config } = deployment;
  await rm(config.dataDir, { recursive: true, force: true });
  const quick = { ...deployment, config: { ...config, model: { ...config.model, checkEveryMs: 10 } } };
  const pipeline = await startPipeline({ deployment: quick, roles: new Set(roles), logger: silentLogger });
  const publisher = await connectPublisher({ url: pipeline.ingest?.brokerUrl ?? '' });
  await replayTo(
    (topic, payload) => Promise.race([publisher.publish(topic, payload), pipeline.failed]),
    datasetMessages(pumpHistory(), topicOfMachine(deployment)),
    { speed: 'max', clockMessages: anyStepCloses(deployment) },
  );
  await publisher.end();
  // Asked of the plant that runs. Both have learned from nearly all of these pumps: too few are new to them.
  const gate = await model('gate', '--promote');
  assert.equal(gate.exitCode, 1, gate.said);
  assert.match(gate.said, /too little is known yet: at least 5 machines and 3 failures are needed/);
  assert.equal((await model('promote', versions[1])).exitCode, 0);
  while (pipeline.models?.shadows.get('pump')) await Promise.race([sleep(10), pipeline.failed]);
  assert.equal(pipeline.models?.get('pump')?.version, versions[1]);
  await pipeline.close();

  const log = await openEmbeddedLog({ dir: join(config.dataDir, 'log'), mode: 'read-only' });
  t.after(() => log.close());
  const answers = await answersOf(versions[1]);
  const scored: string[] = [];
  for await (const forecast of readTopic(log, topics.shadows)) {
    assert.deepEqual(JSON.parse(answers.get(identity(forecast)) ?? '{}'), forecast);
    scored.push(identity(forecast));
  }
  const served: string[] = [];
  for await (const record of readTopic(log, topics.forecasts)) {
    if (record.kind !== 'forecast') continue;
    assert.equal(record.model, versions[0]);
    if (record.status === 'ok') served.push(identity(record));
  }
  assert.deepEqual(scored.sort(), served.sort());
  for await (const alert of readTopic(log, topics.alerts))
    assert.equal(alert.trace?.model ?? versions[0], versions[0]);
  t.diagnostic(`${scored.length} forecasts in the shadow`);
});

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

test('a plant that starts without a network takes the first that is trained; with a broken one it starts on its simple models, until that is whole', async () => {
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
  const folder = join(dir, 'pump', versions[0]);
  const network = readFileSync(join(folder, 'model.onnx'));
  rmSync(join(folder, 'model.onnx'));
  const said: string[] = [];
  const logger: Logger = { ...silentLogger, error: (_fields, message) => void said.push(message) };
  const broken = await LiveModels.open(other, logger, wallClock);
  try {
    await broken.check();
    assert.equal(said.length, 1, said.join());
    assert.match(
      said[0] ?? '',
      /the simple models of .* forecast the failures of pump: .*model\.onnx is missing/,
    );
    assert.deepEqual(
      broken.health().map(({ name, status }) => [name, status]),
      [['model pump', 'degraded']],
    );
    const { forecasts } = await replayPumps(broken, (handler) => handler);
    const told = new Set(forecasts.map(({ status, rung, model }) => [status, rung, model].join()));
    // Pumps are repaired and go on: nobody knows the age of those whose history is too short.
    assert.deepEqual([...told].sort(), [
      `fallback,smoothing,${versions[0]}`,
      `not-assessable,,${versions[0]}`,
    ]);
    for (const { rung, reason } of forecasts)
      if (rung === 'smoothing') assert.match(reason, /model\.onnx is missing/);

    writeFileSync(join(folder, 'model.onnx'), network);
    await broken.check();
    assert.deepEqual(broken.health(), []);
    const mended = await replayPumps(broken, (handler) => handler);
    assert.equal(mended.forecasts.filter(({ rung }) => rung === 'smoothing').length, 0);
  } finally {
    await broken.close();
  }

  // One of before there were simple models, or whose own are broken, too: nothing can be served.
  rmSync(join(folder, 'model.onnx'));
  rmSync(join(folder, 'fallback.json'));
  await assert.rejects(LiveModels.open(other, silentLogger, wallClock), UserError);
});
