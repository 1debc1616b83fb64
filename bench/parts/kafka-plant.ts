/**
 * The readings of bench/kafka.ts: a reading of every sensor of every machine every six minutes, as ingest would have written
 * them, and the same in the form of the program `Ref` (Kafka Streams).
 */
import { Buffer } from 'node:buffer';
import type { ReadingsRecord } from '../../domain/input.js';
import type { Log, NewRecord } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import { encodeRecord, partitionOf, topicSpecs, topics } from '../../domain/topics.js';
import { minuteMs, sensorValues, startMs } from './plant.js';

export const machineCount = 1000;
export const partitionCount = 16;
export const everyMs = 6 * minuteMs;
export const windowMs = 60 * minuteMs;
export const graceMs = 30 * minuteMs;
const tickEveryMs = 10_000;

/** Readings of a record: one, or those of all sensors at one time. */
export type Shape = 'single' | 'object';

/** Topics of Kafka Streams. */
export const streamsTopics = { input: 'readings', output: 'windows' } as const;

/** The topic `inputs`, with its ticks. */
export async function fillInputs(log: Log, shape: Shape, timeCount: number): Promise<void> {
  await log.ensureTopics(topicSpecs(partitionCount, Infinity));
  const rng = new Rng(1);
  const out = appender(log);
  const tick = async (timeMs: number) => {
    for (let partition = 0; partition < partitionCount; partition++)
      await out.add(encodeRecord(topics.inputs, partition, { kind: 'tick', timeMs }));
  };
  for (let time = 0; time < timeCount; time++) {
    const timeMs = startMs + time * everyMs;
    await tick(timeMs);
    for (const { machine, partition } of machines()) {
      const values = Object.entries(sensorValues(rng));
      for (const some of shape === 'object' ? [values] : values.map((value) => [value]))
        await out.add(encodeRecord(topics.inputs, partition, readings(machine, timeMs, some)));
    }
    for (let later = tickEveryMs; later < everyMs; later += tickEveryMs) await tick(timeMs + later);
  }
  await tick(allClosedMs(timeCount));
  await out.end();
}

/** The same for Kafka Streams. */
export async function fillForStreams(log: Log, timeCount: number): Promise<void> {
  const kept = { partitionCount, cleanup: 'delete', retentionMs: Infinity } as const;
  await log.ensureTopics(Object.values(streamsTopics).map((name) => ({ name, ...kept })));
  const rng = new Rng(1);
  const out = appender(log);
  for (let time = 0; time < timeCount; time++)
    for (const { machine, partition } of machines())
      for (const [sensor, value] of Object.entries(sensorValues(rng)))
        await out.add(streamsRecord(partition, machine, sensor, startMs + time * everyMs, value));
  await out.end();
}

/**
 * Its windows close at the times of later readings, if these come more than 100 ms after it has closed some: so this
 * is to be called again and again while it runs.
 */
export function closeStreamsWindows(log: Log, timeCount: number): Promise<void> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  return log.append(
    partitions.map((partition) => streamsRecord(partition, 'end', '', allClosedMs(timeCount), 0)),
  );
}

function* machines(): Generator<{ readonly machine: string; readonly partition: number }> {
  for (let index = 0; index < machineCount; index++) {
    const machine = `press-${index}`;
    yield { machine, partition: partitionOf(machine, partitionCount) };
  }
}

function allClosedMs(timeCount: number): number {
  return startMs + timeCount * everyMs + 2 * windowMs + graceMs;
}

export function readings(
  machine: string,
  timeMs: number,
  values: readonly (readonly [string, number])[],
): ReadingsRecord {
  return {
    kind: 'readings',
    machine,
    type: 'press',
    site: 'north',
    line: 'l1',
    ingestTimeMs: timeMs,
    sensors: values.map(([sensor]) => sensor),
    timesMs: values.map(() => timeMs),
    values: values.map(([, value]) => value),
  };
}

function streamsRecord(
  partition: number,
  machineId: string,
  sensorId: string,
  ts: number,
  value: number,
): NewRecord {
  const text = JSON.stringify({ machineId, sensorId, unit: 'bar', ts, value, q: 0 });
  const key = `${machineId}|${sensorId}`;
  return { topic: streamsTopics.input, partition, key, value: Buffer.from(text), timeMs: ts };
}

/** Appends in large pieces. */
export function appender(log: Log) {
  const waiting: NewRecord[] = [];
  const end = () => log.append(waiting.splice(0));
  const add = async (record: NewRecord) => {
    if (waiting.push(record) >= 20_000) await end();
  };
  return { add, end };
}
