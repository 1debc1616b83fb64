/**
 * How long partitions stand still when they change hands: 10,000 machines of ten sensors with 32 days of history, the stages
 * stream and model in processes on a real Kafka. Each 250 ms a late reading in every partition revises a step and its forecast;
 * the time from its append to its forecast in the log is watched while a second process joins, leaves, joins again and
 * is killed, each with time to settle. At rest it is the latency, around a hand-over the pause. JSON to stdout.
 *
 *   npm run bench -- handover [--machines 10000] [--settle-s 20]
 *
 * Kafka is that of MILLWRIGHT_KAFKA or a container.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadDeployment } from '../app/config.js';
import { openLog } from '../app/open-log.js';
import type { Log } from '../domain/log.js';
import { Rng } from '../domain/rng.js';
import {
  decodeRecord,
  encodeRecord,
  partitionOf,
  type TopicRecords,
  topicSpecs,
  topics,
} from '../domain/topics.js';
import { type MillwrightProcess, startMillwright } from '../test/scenarios/millwright-process.js';
import { startKafka } from '../test/services/kafka.js';
import { trainDefaultNetwork } from './parts/default-network.js';
import { appender, readings } from './parts/kafka-plant.js';
import { dayMs, median, round, sensorValues, startMs, writeDeployment } from './parts/plant.js';

const { values: options } = parseArgs({
  options: { machines: { type: 'string', default: '10000' }, 'settle-s': { type: 'string', default: '20' } },
});
const machineCount = Number(options.machines);
const settleMs = 1000 * Number(options['settle-s']);
const partitionCount = 8;
const historyDays = 32;
const sessionTimeout = '10s';
const pulseEveryMs = 250;
const endMs = startMs + historyDays * dayMs;
const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);

async function fillHistory(log: Log): Promise<void> {
  await log.ensureTopics(topicSpecs(partitionCount, Infinity));
  const rng = new Rng(1);
  const out = appender(log);
  for (let day = 0; day < historyDays; day++) {
    for (let index = 0; index < machineCount; index++) {
      const machine = `press-${index}`;
      const record = readings(machine, startMs + (day + 0.5) * dayMs, Object.entries(sensorValues(rng)));
      await out.add(encodeRecord(topics.inputs, partitionOf(machine, partitionCount), record));
    }
    for (const partition of partitions)
      await out.add(
        encodeRecord(topics.inputs, partition, { kind: 'tick', timeMs: startMs + (day + 1) * dayMs }),
      );
  }
  await out.end();
}

/** Late readings of one machine in each partition, and when their forecasts came. */
class Pulse {
  readonly #log: Log;
  readonly #machines = partitions.map((partition) => {
    for (let index = 0; ; index++)
      if (partitionOf(`press-${index}`, partitionCount) === partition) return `press-${index}`;
  });
  readonly #nextOffsets: number[] = [];
  /** By partition: appended, and not yet in a forecast. The reading with number n makes revision n. */
  readonly #waiting: Map<number, number>[] = partitions.map(() => new Map());
  /** Longest time since `begin`, by partition, of those that came. */
  #longestMs: number[] = partitions.map(() => 0);
  #latenciesMs: number[] = [];
  #count = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  async start(): Promise<void> {
    for (const { partition, endOffset } of await this.#log.status(topics.forecasts))
      this.#nextOffsets[partition] = endOffset;
  }

  async beat(): Promise<void> {
    this.#count++;
    const rng = new Rng(this.#count);
    const nowMs = performance.now();
    const records = partitions.flatMap((partition) => {
      this.#waiting[partition]?.set(this.#count, nowMs);
      const timeMs = endMs - dayMs + this.#count;
      const late = readings(this.#machines[partition] as string, timeMs, Object.entries(sensorValues(rng)));
      return [
        encodeRecord(topics.inputs, partition, late),
        encodeRecord(topics.inputs, partition, { kind: 'tick', timeMs: endMs + this.#count }),
      ];
    });
    await this.#log.append(records);
  }

  async look(): Promise<void> {
    for (const { partition, endOffset } of await this.#log.status(topics.forecasts)) {
      const from = this.#nextOffsets[partition] ?? 0;
      for await (const record of this.#log.read({ topic: topics.forecasts, partition }, from, endOffset))
        this.#came(partition, decodeRecord(topics.forecasts, record));
      this.#nextOffsets[partition] = Math.max(from, endOffset);
    }
  }

  #came(partition: number, record: TopicRecords['forecasts']): void {
    if (record.kind !== 'forecast') return;
    const { revision } = record;
    const sentMs = this.#waiting[partition]?.get(revision);
    if (sentMs === undefined) throw new Error(`an unexpected revision ${revision} in partition ${partition}`);
    this.#waiting[partition]?.delete(revision);
    const latencyMs = performance.now() - sentMs;
    this.#latenciesMs.push(latencyMs);
    this.#longestMs[partition] = Math.max(this.#longestMs[partition] ?? 0, latencyMs);
  }

  get open(): number {
    return this.#waiting.reduce((sum, { size }) => sum + size, 0);
  }

  /** Since the last call; what has not come yet counts with the time that it has waited. */
  take(): { readonly medianMs: number; readonly longestMsByPartition: readonly number[] } {
    const nowMs = performance.now();
    const taken = {
      medianMs: Math.round(median(this.#latenciesMs)),
      longestMsByPartition: this.#longestMs.map((longestMs, partition) => {
        const [oldestMs = nowMs] = this.#waiting[partition]?.values() ?? [];
        return Math.round(Math.max(longestMs, nowMs - oldestMs));
      }),
    };
    this.#latenciesMs = [];
    this.#longestMs = partitions.map(() => 0);
    return taken;
  }
}

async function untilForecast(log: Log): Promise<void> {
  const wanted = machineCount * historyDays;
  for (;;) {
    const ends = await log.status(topics.forecasts);
    // Marks of transactions count as offsets: what lies before the end is counted once there may be enough.
    if (ends.reduce((sum, { beginOffset, endOffset }) => sum + endOffset - beginOffset, 0) >= wanted) {
      let closed = 0;
      for (const { partition, endOffset } of ends) {
        const last = Math.max(0, endOffset - 2 * Math.ceil(machineCount / partitionCount) - 1000);
        for await (const record of log.read({ topic: topics.forecasts, partition }, last, endOffset)) {
          const forecast = decodeRecord(topics.forecasts, record);
          if (forecast.kind === 'forecast' && forecast.originMs === endMs) closed++;
        }
      }
      if (closed === machineCount) return;
    }
    await sleep(500);
  }
}

const cleanUps: (() => unknown)[] = [];
try {
  const kafka = await startKafka();
  if (!kafka) throw new Error('Kafka is needed');
  cleanUps.push(() => kafka.stop());
  const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  const logConfig = {
    kind: 'kafka',
    brokers: kafka.brokers,
    prefix: `handover-${process.pid}.`,
    partitions: partitionCount,
    sessionTimeoutMs: sessionTimeout,
  };
  const fileOf = (name: string): string =>
    writeDeployment(folder, 1, { deployment: { http: { port: 0 }, dataDir: name, log: logConfig } });
  const deployment = loadDeployment(fileOf('observer'));
  await trainDefaultNetwork(deployment, { days: 100, everyMs: '1d', lifeScaleDays: 40 });
  const log = await openLog(deployment.config, 'read-only');
  cleanUps.push(() => log.close());
  const start = (name: string): MillwrightProcess =>
    startMillwright({ after: (end) => void cleanUps.push(end as () => void) }, [
      ...['run', '-c', fileOf(name), '--roles', 'stream,model'],
    ]);

  await fillHistory(log);
  const first = start('first');
  await Promise.race([untilForecast(log), first.ended]);
  const pulse = new Pulse(log);
  await pulse.start();
  let beating = true;
  const beats = (async () => {
    while (beating) {
      const next = sleep(pulseEveryMs);
      await pulse.beat();
      await next;
    }
  })();
  const settle = async () => {
    for (const untilMs = performance.now() + settleMs; performance.now() < untilMs; await sleep(20))
      await pulse.look();
  };

  await settle();
  pulse.take();
  const events: object[] = [];
  const watch = async (event: string, happen: () => unknown): Promise<void> => {
    await happen();
    await settle();
    const { medianMs, longestMsByPartition } = pulse.take();
    const longestMs = Math.max(...longestMsByPartition);
    events.push({ event, longestMs, medianMs, longestMsByPartition });
    console.error(`${event}: longest ${round(longestMs)} ms, median ${round(medianMs)} ms`);
  };
  let second: MillwrightProcess | undefined;
  await watch('nothing happens', () => {});
  await watch('a second process joins', () => {
    second = start('second');
  });
  await watch('it leaves', () => second?.kill('SIGTERM'));
  await watch('it joins again', () => {
    second = start('second');
  });
  await watch('it is killed', () => second?.kill('SIGKILL'));
  beating = false;
  await beats;
  for (const untilMs = performance.now() + settleMs; pulse.open > 0 && performance.now() < untilMs; )
    await pulse.look();
  if (pulse.open > 0) throw new Error(`${pulse.open} readings did not come to a forecast`);
  first.kill('SIGTERM');
  const { exitCode, stderr } = await first.ended;
  if (exitCode !== 0) throw new Error(`the first process ended with ${exitCode}: ${stderr.slice(-2000)}`);
  console.log(
    JSON.stringify(
      {
        bench: 'handover',
        node: process.version,
        machines: machineCount,
        partitions: partitionCount,
        historyDays,
        sessionTimeout,
        pulseEveryMs,
        events,
      },
      null,
      2,
    ),
  );
} finally {
  for (const end of cleanUps.reverse()) await end();
}
process.exit(0);
