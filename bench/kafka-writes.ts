/**
 * What writing to Kafka costs. `append`: a million records of 109 bytes in batches of 2,000, by our producer and by kafkajs' own
 * (both idempotent, acks=all), in turns; processor time of this process and of the broker. `checkpoint`: outputs, state
 * and offset of one partition as a transaction, and the same records without one, with 1 and 16 partitions at a time. JSON to
 * stdout; starts a broker in Docker.
 *
 *   npm run bench -- kafka-writes [--records 1000000] [--checkpoints 2000] [--rounds 3]
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import kafkajs from 'kafkajs';
import type { NewRecord } from '../domain/log.js';
import { KafkaClient } from '../infra/kafka/client.js';
import { kafkaLogConfigSchema } from '../infra/kafka/config.js';
import { openKafkaLog } from '../infra/kafka/log.js';
import { type Addressed, KafkaProducer } from '../infra/kafka/producer.js';
import { makeWire } from '../infra/kafka/wire.js';
import { startOwnKafka } from '../test/services/kafka.js';
import { median, round } from './parts/plant.js';

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    checkpoints: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
  },
});
const recordCount = Number(options.records);
const checkpointCount = Number(options.checkpoints);
const partitionCount = 16;
const batchRecords = 2000;
const recordBytes = 109;
/** Of one checkpoint: what a stage behind that has closed some steps would write. */
const outputRecords = 20;
const outputBytes = 1000;
const stateRecords = 60;
const stateBytes = 1500;

const kafka = await startOwnKafka();
if (!kafka) process.exit(1);
const { brokers } = kafka;
const log = await openKafkaLog({
  config: kafkaLogConfigSchema.parse({ brokers, prefix: '', replicationFactor: 1 }),
});
const kept = { partitionCount, cleanup: 'delete', retentionMs: Infinity } as const;
await log.ensureTopics(['records', 'outputs', 'state'].map((name) => ({ name, ...kept })));
const client = new KafkaClient(makeWire({ brokers: [...brokers] }).cluster());

interface Cost {
  readonly cpuS: number;
  readonly brokerCpuS: number;
  readonly wallS: number;
}

async function measure(work: () => Promise<void>): Promise<Cost> {
  const brokerBeforeS = (await kafka?.cpuS()) ?? 0;
  const beganMs = performance.now();
  const began = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(began);
  const wallS = (performance.now() - beganMs) / 1000;
  return { cpuS: (user + system) / 1e6, brokerCpuS: ((await kafka?.cpuS()) ?? 0) - brokerBeforeS, wallS };
}

function batches(): NewRecord[][] {
  const value = randomBytes(recordBytes);
  return Array.from({ length: Math.ceil(recordCount / batchRecords) }, (_, batch) =>
    Array.from({ length: batchRecords }, (_, i) => ({
      topic: 'records',
      partition: i % partitionCount,
      key: `machine-${(batch + i) % 1000}`,
      value,
      timeMs: 1_767_225_600_000 + i,
    })),
  );
}

async function appendByUs(): Promise<void> {
  for (const batch of batches()) await log.append(batch);
}

const producer = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).producer({
  idempotent: true,
  maxInFlightRequests: 1,
});
await producer.connect();

async function appendByKafkajs(): Promise<void> {
  for (const batch of batches())
    await producer.send({
      topic: 'records',
      acks: -1,
      messages: batch.map(({ partition, key, value, timeMs }) => ({
        partition,
        key,
        value,
        headers: { timeMs: String(timeMs) },
      })),
    });
}

const output = randomBytes(outputBytes);
const entry = randomBytes(stateBytes);

function checkpoint(partition: number): Addressed[] {
  const at = (topic: string, key: string, value: Buffer): Addressed => ({
    topic,
    partition,
    record: { key, value, timeMs: 1_767_225_600_000 },
  });
  return [
    ...Array.from({ length: outputRecords }, (_, i) => at('outputs', `machine-${i}`, output)),
    ...Array.from({ length: stateRecords }, (_, i) => at('state', `state/machine-${i}`, entry)),
    at('state', 'offset', Buffer.from('{"nextOffset":1}')),
  ];
}

/** `atATime` partitions make their checkpoints one after another, beside each other. */
async function checkpoints(how: 'transact' | 'send', atATime: number): Promise<object> {
  const latenciesMs: number[] = [];
  const producers: KafkaProducer[] = [];
  for (let partition = 0; partition < atATime; partition++) {
    const made = new KafkaProducer(client, {
      ...(how === 'transact' ? { transactionalId: `${how}-${atATime}-${partition}` } : {}),
      retryMs: 20_000,
      transactionTimeoutMs: 60_000,
      compression: 0,
    });
    await made.begin();
    producers.push(made);
  }
  let left = checkpointCount;
  const cost = await measure(async () => {
    await Promise.all(
      producers.map(async (one, partition) => {
        while (left-- > 0) {
          const beganMs = performance.now();
          await one[how](checkpoint(partition));
          latenciesMs.push(performance.now() - beganMs);
        }
      }),
    );
  });
  latenciesMs.sort((a, b) => a - b);
  return {
    how: how === 'transact' ? 'transaction' : 'without',
    partitions: atATime,
    perSecond: Math.round(checkpointCount / cost.wallS),
    latencyMsP50: round(median(latenciesMs), 2),
    latencyMsP99: round(latenciesMs[Math.floor(0.99 * latenciesMs.length)] ?? Number.NaN, 2),
    cpuMs: round((cost.cpuS / checkpointCount) * 1000, 2),
    brokerCpuMs: round((cost.brokerCpuS / checkpointCount) * 1000, 2),
  };
}

const rounds = Array.from({ length: Number(options.rounds) });
const subjects = { millwright: appendByUs, kafkajs: appendByKafkajs };
const costs = new Map<string, Cost[]>(Object.keys(subjects).map((name) => [name, []]));
for (const _ of rounds)
  for (const [name, append] of Object.entries(subjects)) costs.get(name)?.push(await measure(append));
const append = [...costs].map(([producerName, taken]) => {
  const perMillion = (pick: (cost: Cost) => number) =>
    round((median(taken.map(pick)) / recordCount) * 1e6, 2);
  return {
    producer: producerName,
    cpuSPerMillion: perMillion(({ cpuS }) => cpuS),
    brokerCpuSPerMillion: perMillion(({ brokerCpuS }) => brokerCpuS),
    recordsPerS: Math.round(recordCount / median(taken.map(({ wallS }) => wallS))),
  };
});
const checkpointCosts: object[] = [];
for (const atATime of [1, partitionCount])
  for (const how of ['send', 'transact', 'send', 'transact'] as const)
    checkpointCosts.push(await checkpoints(how, atATime));
await producer.disconnect();
await client.close();
await log.close();
await kafka.stop();
console.log(
  JSON.stringify(
    {
      bench: 'kafka-writes',
      node: process.version,
      append,
      checkpoint: { outputRecords, outputBytes, stateRecords, stateBytes, runs: checkpointCosts },
    },
    null,
    2,
  ),
);
