/**
 * Readings per second and per CPU-second from message to step: ingest, embedded log on disk, step stage with its
 * checkpoints, to the closing of the day of 1,000 machines. `handle`: messages are handed to ingest in this process;
 * `mqtt`: they come through the embedded broker from a process of their own, whose CPU time is told apart. CPU time is
 * that of all threads of this process. JSON to stdout.
 *
 * `node dist/bench/pipeline.js [--quick] [handle|mqtt] [batch|object|single]`; without names, all.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDeployment } from '../app/config.js';
import { type IngestPart, startIngest } from '../app/ingest-part.js';
import { silentLogger } from '../app/logger.js';
import { stepStage } from '../app/stages.js';
import { SetClock } from '../domain/clock.js';
import type { Log } from '../domain/log.js';
import { decodeRecord, topicSpecs, topics } from '../domain/topics.js';
import { openEmbeddedLog } from '../infra/embedded/log.js';
import { clockTopic, encodeClockMessage } from '../ingest/clock-message.js';
import {
  dayMs,
  makeMessages,
  readingsPerMessage,
  round,
  type Shape,
  sensorCount,
  shapes,
  startMs,
  writeDeployment,
} from './parts/plant.js';

const quick = process.argv.includes('--quick');
const named = (all: readonly string[]) => {
  const chosen = all.filter((name) => process.argv.includes(name));
  return chosen.length > 0 ? chosen : all;
};
const machineCount = 1000;
/** Messages of every machine. */
const rounds: Record<Shape, number> = quick
  ? { batch: 1, object: 10, single: 20 }
  : { batch: 4, object: 60, single: 100 };
/** Messages handed over and not yet acknowledged. */
const inFlightMax = 1000;

async function handleAll(part: IngestPart, shape: Shape): Promise<() => Promise<void>> {
  const messages = makeMessages(shape, machineCount, rounds[shape]).map(({ topic, payload }) => ({
    topic,
    payload: Buffer.from(payload),
  }));
  return async () => {
    let next = 0;
    const hand = async () => {
      for (let message = messages[next++]; message; message = messages[next++])
        await part.ingest.handle(message.topic, message.payload);
    };
    await Promise.all(Array.from({ length: inFlightMax }, hand));
  };
}

async function publishAll(part: IngestPart, shape: Shape): Promise<() => Promise<number>> {
  const program = new URL('./parts/pipeline-publisher.js', import.meta.url);
  const child = fork(program, [part.brokerUrl, shape, `${machineCount}`, `${rounds[shape]}`]);
  await once(child, 'message');
  return async () => {
    child.send('go');
    const [{ cpuS }] = (await once(child, 'message')) as [{ readonly cpuS: number }];
    return cpuS;
  };
}

async function measure(way: string, shape: Shape): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
  try {
    const deployment = loadDeployment(writeDeployment(folder, 1440));
    const { partitions } = deployment.config.log;
    const log = await openEmbeddedLog({ dir: join(folder, 'log') });
    await log.ensureTopics(topicSpecs(partitions, Infinity));
    const part = await startIngest({
      deployment,
      log,
      clock: new SetClock(startMs),
      logger: silentLogger,
      onFailure: (error) => {
        throw error;
      },
    });
    const stage = stepStage(deployment);
    const consumer = log.consume({
      group: stage.name,
      topics: [stage.topic],
      batchRecordsMax: stage.batchRecordsMax,
      from: 'beginning',
      handlerFor: (id) => stage.handlerFor(id),
    });
    const tick = (timeMs: number) => part.ingest.handle(clockTopic, Buffer.from(encodeClockMessage(timeMs)));
    await tick(startMs + dayMs / 2);
    const send = await (way === 'mqtt' ? publishAll : handleAll)(part, shape);

    const beganMs = performance.now();
    const beganCpu = process.cpuUsage();
    const publisherCpuS = await send();
    const acknowledgedS = (performance.now() - beganMs) / 1000;
    await tick(startMs + dayMs);
    await consumer.close({ drain: true });
    const { user, system } = process.cpuUsage(beganCpu);
    const wallS = (performance.now() - beganMs) / 1000;

    const cpuS = (user + system) / 1e6;
    const messageCount = machineCount * rounds[shape];
    const readings = messageCount * readingsPerMessage(shape);
    const { accepted } = part.ingest.counters();
    if (accepted !== readings) throw new Error(`accepted ${accepted} of ${readings} readings`);
    const inSteps = await countInSteps(log, partitions);
    if (inSteps !== readings) throw new Error(`the closed steps hold ${inSteps} of ${readings} readings`);
    await part.close();
    await log.close();
    return {
      way,
      message: { batch: '100 times x 10 sensors', object: '10 sensors', single: 'one reading' }[shape],
      messages: messageCount,
      readings,
      readingsPerS: Math.round(readings / wallS),
      readingsPerCpuS: Math.round(readings / cpuS),
      messagesPerCpuS: Math.round(messageCount / cpuS),
      wallS: round(wallS, 2),
      acknowledgedS: round(acknowledgedS, 2),
      cpuS: round(cpuS, 2),
      ...(publisherCpuS === undefined ? {} : { publisherCpuS: round(publisherCpuS, 2) }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function countInSteps(log: Log, partitions: number): Promise<number> {
  let count = 0;
  for (let partition = 0; partition < partitions; partition++)
    for await (const record of log.read({ topic: topics.steps, partition }, 0)) {
      const decoded = decodeRecord(topics.steps, record);
      if (decoded.kind === 'step') for (const sensor of decoded.sensors) count += sensor?.count ?? 0;
    }
  return count;
}

const results: object[] = [];
for (const way of named(['handle', 'mqtt']))
  for (const shape of named(shapes)) results.push(await measure(way, shape as Shape));
console.log(
  JSON.stringify({ bench: 'pipeline', node: process.version, machineCount, sensorCount, results }, null, 2),
);
process.exit(0);
