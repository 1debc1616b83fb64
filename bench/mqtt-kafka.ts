/**
 * MQTT QoS 1 -> Kafka acks=all, in Millwright and in Telegraf in turns: processor time per million readings, from when the
 * subject has subscribed to when Kafka has everything. 1,000 machines of ten sensors; a message holds 100 times of all
 * sensors (`batch`), one time of all (`object`) or one reading (`single`). Both acknowledge a message when Kafka has it;
 * Mosquitto and Kafka are real, in Docker. JSON to stdout.
 *
 *   npm run bench -- mqtt-kafka [--rounds 3] [--shapes batch,object,single] [--scale 1]
 *
 * Telegraf is built with Go at the first use.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Log } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { kafkaLogConfigSchema } from '../infra/kafka/config.js';
import { openKafkaLog } from '../infra/kafka/log.js';
import { startOwnKafka } from '../test/services/kafka.js';
import { startOwnMosquitto } from '../test/services/mosquitto.js';
import { MeasuredProcess } from './parts/measured-process.js';
import { buildTelegraf } from './parts/peers.js';
import {
  median,
  readingsPerMessage,
  round,
  rowsPerBatch,
  type Shape,
  writeDeployment,
} from './parts/plant.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    shapes: { type: 'string', default: 'batch,object,single' },
    scale: { type: 'string', default: '1' },
  },
});
const machineCount = 1000;
const partitionCount = 16;
/** Messages of every machine: five million readings, two, and 300,000 where each has a message. */
const messagesPerMachine = (shape: Shape) =>
  Math.max(1, Math.round({ batch: 5, object: 200, single: 300 }[shape] * Number(options.scale)));
const telegrafTopic = 'raw';
const longestMs = 300_000;

interface Result {
  readonly subject: string;
  readonly shape: Shape;
  readonly cpuS: number;
  readonly wallS: number;
  readonly rssMbMax: number;
}

const telegraf = buildTelegraf();
const kafka = await startOwnKafka();
if (!kafka) process.exit(1);
const brokers = kafka.brokers;
const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
const log = await openLog('');
const results: Result[] = [];
try {
  await log.ensureTopics([{ name: telegrafTopic, partitionCount, cleanup: 'delete', retentionMs: Infinity }]);
  for (let i = 0; i < Number(options.rounds); i++)
    for (const shape of options.shapes.split(',') as Shape[]) {
      results.push(await runMillwright(shape));
      if (telegraf !== undefined) results.push(await runTelegraf(telegraf, shape));
    }
  console.log(JSON.stringify(report(), null, 2));
} finally {
  await log.close();
  await kafka.stop();
  rmSync(folder, { recursive: true, force: true });
}

function openLog(prefix: string): Promise<Log> {
  return openKafkaLog({ config: kafkaLogConfigSchema.parse({ brokers, prefix, replicationFactor: 1 }) });
}

async function runMillwright(shape: Shape): Promise<Result> {
  const prefix = `run-${results.length}.`;
  const program = fileURLToPath(new URL('parts/mqtt-kafka-subject.js', import.meta.url));
  const result = await measure('Millwright', shape, {
    prefix,
    topic: topics.inputs,
    recordsPerMessage: 1,
    ready: 'ready',
    start: (url) => {
      const deployment = writeDeployment(folder, 1440, {
        deployment: {
          mqtt: { kind: 'client', url },
          log: { kind: 'kafka', brokers, prefix, replicationFactor: 1, partitions: partitionCount },
        },
      });
      return new MeasuredProcess(process.execPath, [...process.execArgv, program, deployment]);
    },
  });
  const own = await openLog(prefix);
  let count = 0;
  for (let partition = 0; partition < partitionCount; partition++)
    for await (const record of own.read({ topic: topics.inputs, partition }, 0)) {
      const input = decodeRecord(topics.inputs, record);
      if (input.kind === 'readings') count += input.values.length;
    }
  await own.close();
  if (count !== readings(shape)) throw new Error(`Kafka has ${count} of ${readings(shape)} readings`);
  return result;
}

function runTelegraf(program: string, shape: Shape): Promise<Result> {
  return measure('Telegraf', shape, {
    prefix: '',
    topic: telegrafTopic,
    // A metric for each time.
    recordsPerMessage: shape === 'batch' ? rowsPerBatch : 1,
    ready: 'Connected',
    start: (url) => {
      const file = join(folder, 'telegraf.conf');
      writeFileSync(file, telegrafConfig(url, shape));
      return new MeasuredProcess(program, ['--config', file]);
    },
  });
}

/** Metrics under way are bounded to what its buffer holds, whatever a message brings. */
function telegrafConfig(url: string, shape: Shape): string {
  return `
[agent]
  flush_interval = "200ms"
  metric_batch_size = 5000
  metric_buffer_limit = 200000
  omit_hostname = true
[[inputs.mqtt_consumer]]
  servers = ["${url.replace('mqtt:', 'tcp:')}"]
  topics = ["factory/#"]
  qos = 1
  persistent_session = true
  client_id = "telegraf"
  max_undelivered_messages = ${20_000 / (shape === 'batch' ? rowsPerBatch : 1)}
  data_format = "json"
  json_time_key = "time"
  json_time_format = "unix_ms"
[[outputs.kafka]]
  brokers = [${brokers.map((broker) => `"${broker}"`).join(', ')}]
  topic = "${telegrafTopic}"
  routing_tag = "topic"
  required_acks = -1
  compression_codec = 0
  data_format = "influx"
`;
}

function readings(shape: Shape): number {
  return machineCount * messagesPerMachine(shape) * readingsPerMessage(shape);
}

async function measure(
  subject: string,
  shape: Shape,
  parts: {
    readonly prefix: string;
    readonly topic: string;
    readonly recordsPerMessage: number;
    /** It has subscribed when it has printed this. */
    readonly ready: string;
    readonly start: (mqttUrl: string) => MeasuredProcess;
  },
): Promise<Result> {
  // With the settings of docker/mosquitto/mosquitto.conf; of its own, so that no session of another subject is there.
  const mosquitto = await startOwnMosquitto({
    settings: ['autosave_on_changes false', 'autosave_interval 10', 'max_inflight_messages 1000'],
  });
  if (!mosquitto) throw new Error('no Mosquitto');
  const child = parts.start(mosquitto.url);
  try {
    await waitFor(`${subject} to subscribe`, async () => child.output.includes(parts.ready));
    const subjectLog = await openLog(parts.prefix);
    const before = await recordCount(subjectLog, parts.topic);
    const publisher = await startPublisher(mosquitto.url, shape);
    const messageCount = machineCount * messagesPerMachine(shape);
    const wanted = before + messageCount * parts.recordsPerMessage;
    const from = child.usage();
    publisher.send('go');
    await waitFor(`${subject} to bring everything to Kafka`, async () => {
      if (child.child.exitCode !== null) throw new Error(`${subject} has ended: ${child.output}`);
      return (await recordCount(subjectLog, parts.topic)) >= wanted;
    });
    const to = child.usage();
    await subjectLog.close();
    const cpuS = to.cpuS - from.cpuS;
    const wallS = to.wallS - from.wallS;
    console.error(`${subject} ${shape}: ${round(cpuS, 2)} CPU-s, ${round(wallS)} s, ${to.rssMbMax} MB`);
    return { subject, shape, cpuS, wallS, rssMbMax: to.rssMbMax };
  } finally {
    await child.stop();
    await mosquitto.stop();
  }
}

async function startPublisher(url: string, shape: Shape): Promise<ChildProcess> {
  const program = new URL('./parts/pipeline-publisher.js', import.meta.url);
  const child = fork(program, [url, shape, `${machineCount}`, `${messagesPerMachine(shape)}`]);
  await once(child, 'message');
  return child;
}

async function recordCount(from: Log, topic: string): Promise<number> {
  return (await from.status(topic)).reduce((sum, { endOffset }) => sum + endOffset, 0);
}

async function waitFor(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + longestMs; !(await isSo()); await sleep(50))
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
}

/** Medians over the rounds; a ratio below 1 is in our favour. */
function report(): object {
  return {
    bench: 'mqtt-kafka',
    node: process.version,
    machines: machineCount,
    partitions: partitionCount,
    rounds: Number(options.rounds),
    results: (options.shapes.split(',') as Shape[]).map((shape) => {
      const of = (subject: string) => {
        const runs = results.filter((result) => result.subject === subject && result.shape === shape);
        const cpuS = median(runs.map((run) => run.cpuS));
        return {
          cpuSPerMillionReadings: round((cpuS / readings(shape)) * 1e6, 2),
          readingsPerS: Math.round(readings(shape) / median(runs.map(({ wallS }) => wallS))),
          rssMbMax: Math.max(...runs.map(({ rssMbMax }) => rssMbMax)),
        };
      };
      const millwright = of('Millwright');
      const shared = { shape, messages: machineCount * messagesPerMachine(shape), readings: readings(shape) };
      if (telegraf === undefined) return { ...shared, millwright, telegraf: null, cpuRatio: null };
      const peer = of('Telegraf');
      const cpuRatio = round(millwright.cpuSPerMillionReadings / peer.cpuSPerMillionReadings, 2);
      return { ...shared, millwright, telegraf: peer, cpuRatio };
    }),
  };
}
