/** Names, keys and encodings of the pipeline's topics. */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from './alert.js';
import type { ForecastRecord } from './forecast.js';
import type { EventRecord, InputRecord, RejectedRecord, TickRecord } from './input.js';
import type { LogRecord, NewRecord, TopicSpec } from './log.js';
import type { SensorAggregate, StepRecord } from './step.js';

export const topics = {
  inputs: 'inputs',
  rejected: 'rejected',
  steps: 'steps',
  forecasts: 'forecasts',
  alerts: 'alerts',
} as const;
export type TopicName = (typeof topics)[keyof typeof topics];

/** What each topic holds. Stages pass ticks and events on, so that time and order reach the last stage. */
export interface TopicRecords {
  inputs: InputRecord;
  rejected: RejectedRecord;
  steps: StepRecord | EventRecord | TickRecord;
  forecasts: ForecastRecord | EventRecord | TickRecord;
  alerts: AlertRecord;
}
export type PipelineRecord = TopicRecords[TopicName];

export function topicSpecs(partitionCount: number, retentionMs: number): TopicSpec[] {
  const kept = { partitionCount, cleanup: 'delete', retentionMs } as const;
  return [
    { name: topics.inputs, ...kept },
    { name: topics.rejected, ...kept },
    { name: topics.steps, partitionCount, cleanup: 'compact', retentionMs: Infinity },
    { name: topics.forecasts, ...kept },
    { name: topics.alerts, ...kept, retentionMs: Infinity },
  ];
}

/** Partition of a machine: FNV-1a (32 bits) over the UTF-8 id, so that every writer agrees. */
export function partitionOf(machine: string, partitionCount: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(machine, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % partitionCount;
}

/** Compaction key: one per thing that a newer record replaces. */
function keyOf(record: PipelineRecord): string {
  switch (record.kind) {
    case 'tick':
      return '#tick';
    case 'step':
      return `${record.machine}|${record.startMs}`;
    case 'event':
      return `${record.machine}|event|${record.eventTimeMs}|${record.event}|${record.code}`;
    case 'readings':
    case 'forecast':
    case 'rejected':
    case 'alert':
      return record.machine;
  }
}

function timeOf(record: PipelineRecord): number {
  switch (record.kind) {
    case 'tick':
    case 'alert':
      return record.timeMs;
    case 'step':
      return record.endMs;
    case 'forecast':
      return record.originMs;
    case 'event':
    case 'readings':
    case 'rejected':
      return record.ingestTimeMs;
  }
}

export function encodeRecord<T extends TopicName>(
  topic: T,
  partition: number,
  record: TopicRecords[T],
): NewRecord {
  return {
    topic,
    partition,
    key: keyOf(record),
    value: Buffer.from(JSON.stringify(record.kind === 'step' ? packStep(record) : record)),
    timeMs: timeOf(record),
  };
}

/** The inverse of `encodeRecord`. The log is ours: what it holds was validated before it was written. */
export function decodeRecord<T extends TopicName>(topic: T, record: LogRecord): TopicRecords[T] {
  const decoded: unknown = JSON.parse(record.value.toString('utf8'));
  if (topic === topics.steps && (decoded as { kind: string }).kind === 'step')
    unpackStep(decoded as PackedStep);
  return decoded as TopicRecords[T];
}

/** A sensor's aggregate by position, in the order of SensorAggregate: half the bytes and half the time. */
type PackedAggregate = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];
type PackedStep = Omit<StepRecord, 'sensors'> & {
  sensors: readonly (PackedAggregate | SensorAggregate | null)[];
};

function packStep(step: StepRecord): PackedStep {
  return { ...step, sensors: step.sensors.map((sensor) => sensor && packAggregate(sensor)) };
}

function packAggregate(sensor: SensorAggregate): PackedAggregate {
  return [
    sensor.count,
    sensor.mean,
    sensor.m2,
    sensor.min,
    sensor.max,
    sensor.firstOffsetMs,
    sensor.first,
    sensor.lastOffsetMs,
    sensor.last,
    sensor.timeMean,
    sensor.timeM2,
    sensor.timeValueM,
    sensor.outOfRangeCount,
  ];
}

/** Makes a StepRecord of it, in place. */
function unpackStep(step: PackedStep): void {
  step.sensors = step.sensors.map((packed) => packed && unpackAggregate(packed as PackedAggregate));
}

function unpackAggregate(packed: PackedAggregate): SensorAggregate {
  return {
    count: packed[0],
    mean: packed[1],
    m2: packed[2],
    min: packed[3],
    max: packed[4],
    firstOffsetMs: packed[5],
    first: packed[6],
    lastOffsetMs: packed[7],
    last: packed[8],
    timeMean: packed[9],
    timeM2: packed[10],
    timeValueM: packed[11],
    outOfRangeCount: packed[12],
  };
}
