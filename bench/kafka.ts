/**
 * Kafka -> event-time windows -> Kafka, in Millwright and in Kafka Streams (in-memory store) in turns: processor time of
 * the client process from its start to its end, and of the broker meanwhile, per million readings. 1,000 machines of ten
 * sensors, a reading each every six minutes, windows of an hour with 30 minutes of grace, closed windows only.
 * Millwright reads its own records, of one reading (`single`, as Kafka Streams') and of all sensors at one time (`object`), and
 * makes checkpoints as in a plant: outputs, state and offset in one transaction. JSON to stdout.
 *
 *   npm run bench -- kafka --peers DIR [--readings 1000000] [--rounds 3] [--shapes single,object] [--guarantee alo,eos]
 *
 * Starts a broker in Docker. DIR/kafka-streams holds a Maven project with the program `Ref`; it is built at the first use.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Log } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { kafkaLogConfigSchema } from '../infra/kafka/config.js';
import { openKafkaLog } from '../infra/kafka/log.js';
import { startOwnKafka } from '../test/services/kafka.js';
import {
  closeStreamsWindows,
  everyMs,
  fillForStreams,
  fillInputs,
  machineCount,
  partitionCount,
  type Shape,
  streamsTopics,
  windowMs,
} from './parts/kafka-plant.js';
import { MeasuredProcess } from './parts/measured-process.js';
import { buildKafkaStreams } from './parts/peers.js';
import { median, round, sensorCount, writeDeployment } from './parts/plant.js';

const { values: options } = parseArgs({
  options: {
    peers: { type: 'string', default: '../shared/peers' },
    readings: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    shapes: { type: 'string', default: 'single,object' },
    guarantee: { type: 'string', default: 'alo' },
  },
});
const timeCount = Math.round(Number(options.readings) / machineCount / sensorCount);
const readingCount = timeCount * machineCount * sensorCount;
const windowCount = Math.ceil((timeCount * everyMs) / windowMs) * machineCount * sensorCount;

interface Result {
  readonly subject: string;
  readonly cpuS: number;
  readonly brokerCpuS: number;
  readonly wallS: number;
  readonly rssMbMax: number;
}

const classPath = buildKafkaStreams(options.peers);
const kafka = await startOwnKafka();
if (!kafka) process.exit(1);
const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
try {
  const step = { kind: 'fixed', durationMs: '1h' };
  const deployment = writeDeployment(folder, windowMs / everyMs, { type: { step, graceMs: '30m' } });
  const logs = new Map<Shape, Log>();
  for (const shape of options.shapes.split(',') as Shape[]) {
    const log = await openLog(`${shape}.`);
    logs.set(shape, log);
    await fillInputs(log, shape, timeCount);
  }
  const streamsLog = await openLog('');
  if (classPath !== undefined) await fillForStreams(streamsLog, timeCount);

  const results: Result[] = [];
  for (let i = 0; i < Number(options.rounds); i++) {
    for (const [shape, log] of logs) results.push(await runMillwright(shape, log, deployment, `round-${i}`));
    if (classPath === undefined) continue;
    for (const guarantee of options.guarantee.split(','))
      results.push(await runStreams(classPath, streamsLog, guarantee));
  }
  for (const log of [streamsLog, ...logs.values()]) await log.close();
  console.log(JSON.stringify(report(results), null, 2));
} finally {
  await kafka.stop();
  rmSync(folder, { recursive: true, force: true });
}

function openLog(prefix: string): Promise<Log> {
  return openKafkaLog({
    config: kafkaLogConfigSchema.parse({ brokers: kafka?.brokers, prefix, replicationFactor: 1 }),
  });
}

async function runMillwright(shape: Shape, log: Log, deployment: string, group: string): Promise<Result> {
  const before = await log.status(topics.steps);
  const program = fileURLToPath(new URL('parts/kafka-windows.js', import.meta.url));
  const brokers = kafka?.brokers.join(',') ?? '';
  const result = await measure(`millwright ${shape}`, process.execPath, [
    ...process.execArgv,
    program,
    brokers,
    `${shape}.`,
    group,
    deployment,
  ]);
  let count = 0;
  for (const { partition, endOffset } of before)
    for await (const record of log.read({ topic: topics.steps, partition }, endOffset)) {
      const step = decodeRecord(topics.steps, record);
      if (step.kind === 'step') for (const sensor of step.sensors) count += sensor?.count ?? 0;
    }
  if (count !== readingCount) throw new Error(`the closed steps hold ${count} of ${readingCount} readings`);
  return result;
}

async function runStreams(path: string, log: Log, guarantee: string): Promise<Result> {
  const topicsAndCounts = [streamsTopics.input, streamsTopics.output, `${readingCount}`, `${windowCount}`];
  const how = ['same', 'close', 'memory', guarantee, '1'];
  const args = ['-cp', path, 'Ref', kafka?.brokers[0] ?? '', ...topicsAndCounts, ...how];
  let closing = Promise.resolve();
  const timer = setInterval(() => {
    closing = closeStreamsWindows(log, timeCount);
  }, 500);
  try {
    return await measure(`Kafka Streams ${guarantee}`, 'java', args, (output) => {
      if (!output.includes(` out=${windowCount} `))
        throw new Error(`Kafka Streams gave other than ${windowCount} windows: ${output}`);
    });
  } finally {
    clearInterval(timer);
    await closing;
  }
}

async function measure(
  subject: string,
  command: string,
  args: readonly string[],
  check: (output: string) => void = () => {},
): Promise<Result> {
  const brokerBeforeS = (await kafka?.cpuS()) ?? 0;
  const child = new MeasuredProcess(command, args);
  const { cpuS, wallS, rssMbMax } = await child.ended();
  check(child.output);
  const brokerCpuS = ((await kafka?.cpuS()) ?? 0) - brokerBeforeS;
  console.error(
    `${subject}: ${round(cpuS)} CPU-s, broker ${round(brokerCpuS)}, ${round(wallS)} s, ${rssMbMax} MB`,
  );
  return { subject, cpuS, brokerCpuS, wallS, rssMbMax };
}

/** Medians over the rounds; ratios below 1 are in our favour. */
function report(results: readonly Result[]): object {
  const perMillion = (seconds: number) => round((seconds / readingCount) * 1e6, 2);
  const of = (subject: string, pick: (result: Result) => number) =>
    median(results.filter((result) => result.subject === subject).map(pick));
  const subjects = [...new Set(results.map(({ subject }) => subject))];
  const peers = subjects.filter((subject) => subject.startsWith('Kafka Streams'));
  return {
    bench: 'kafka',
    node: process.version,
    readings: readingCount,
    windows: windowCount,
    partitions: partitionCount,
    rounds: Number(options.rounds),
    results: subjects.map((subject) => ({
      subject,
      cpuSPerMillion: perMillion(of(subject, ({ cpuS }) => cpuS)),
      brokerCpuSPerMillion: perMillion(of(subject, ({ brokerCpuS }) => brokerCpuS)),
      readingsPerS: Math.round(readingCount / of(subject, ({ wallS }) => wallS)),
      rssMbMax: of(subject, ({ rssMbMax }) => rssMbMax),
      cpuRatio: Object.fromEntries(
        peers
          .filter((peer) => peer !== subject)
          .map((peer) => [peer, round(of(subject, ({ cpuS }) => cpuS) / of(peer, ({ cpuS }) => cpuS), 2)]),
      ),
    })),
  };
}
