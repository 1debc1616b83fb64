/** Names, keys and encodings of the pipeline's topics. */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from './alert.js';
import type { ForecastRecord } from './forecast.js';
import {
  type EventRecord,
  eventIdentity,
  type InputRecord,
  type RejectedRecord,
  type TickRecord,
} from './input.js';
import type { LogRecord, NewRecord, TopicSpec } from './log.js';
import type { NotificationRecord } from './notification.js';
import { isPacked } from './packed-record.js';
import { decodeForecast, decodeStep, encodeForecast, encodeStep } from './record-bytes.js';
import type { SilenceRecord } from './silence.js';
import type { StepRecord } from './step.js';

export const topics = {
  inputs: 'inputs',
  rejected: 'rejected',
  steps: 'steps',
  forecasts: 'forecasts',
  /** Forecasts of challengers, which nobody acts on. */
  shadows: 'shadows',
  alerts: 'alerts',
  /** One partition: the transitions of all machines, silences, and the time. */
  dispatch: 'dispatch',
  /** One partition. */
  notifications: 'notifications',
} as const;
export type TopicName = (typeof topics)[keyof typeof topics];

/** What each topic holds. Stages pass ticks and events on, so that time and order reach the last stage. */
export interface TopicRecords {
  inputs: InputRecord;
  rejected: RejectedRecord;
  steps: StepRecord | EventRecord | TickRecord;
  forecasts: ForecastRecord | EventRecord | TickRecord;
  shadows: ForecastRecord;
  alerts: AlertRecord;
  dispatch: AlertRecord | SilenceRecord | TickRecord;
  notifications: NotificationRecord;
}
export type PipelineRecord = TopicRecords[TopicName];

export function topicSpecs(partitionCount: number, retentionMs: number): TopicSpec[] {
  const kept = { partitionCount, cleanup: 'delete', retentionMs } as const;
  return [
    { name: topics.inputs, ...kept },
    { name: topics.rejected, ...kept },
    { name: topics.steps, partitionCount, cleanup: 'compact', retentionMs: Infinity },
    { name: topics.forecasts, ...kept },
    { name: topics.shadows, ...kept },
    { name: topics.alerts, ...kept, retentionMs: Infinity },
    { name: topics.dispatch, ...kept, partitionCount: 1 },
    { name: topics.notifications, ...kept, partitionCount: 1 },
  ];
}

/** Partition of a machine: FNV-1a (32 bits) over the UTF-8 id, so that every writer agrees. */
export function partitionOf(machine: string, partitionCount: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(machine, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % partitionCount;
}

/**
 * Compaction key: one per thing that a newer record replaces. Time stands before the machine in it: the steps that close
 * together then lie side by side in a sorted index, and not one on a page of its own.
 */
function keyOf(record: PipelineRecord): string {
  switch (record.kind) {
    case 'tick':
      return '#tick';
    case 'step':
      return `${record.startMs}|${record.machine}`;
    case 'event':
      return `${record.machine}|event|${record.eventTimeMs}|${eventIdentity(record)}`;
    case 'readings':
    case 'forecast':
    case 'rejected':
    case 'alert':
      return record.machine;
    case 'silence':
      return record.id;
    case 'notification':
      return record.notifier;
  }
}

function timeOf(record: PipelineRecord): number {
  switch (record.kind) {
    case 'tick':
    case 'alert':
    case 'notification':
      return record.timeMs;
    case 'silence':
      return record.startsMs;
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
  return { topic, partition, key: keyOf(record), value: encodeValue(record), timeMs: timeOf(record) };
}

function encodeValue(record: PipelineRecord): Buffer {
  return encodePacked(record) ?? Buffer.from(JSON.stringify(record));
}

/** Of steps and forecasts; undefined: the record is neither. */
export function encodePacked(record: PipelineRecord): Buffer | undefined {
  if (record.kind === 'step') return encodeStep(record);
  return record.kind === 'forecast' ? encodeForecast(record) : undefined;
}

/** The inverse of `encodeRecord`. The log is ours: what it holds was validated before it was written. */
export function decodeRecord<T extends TopicName>(topic: T, record: LogRecord): TopicRecords[T] {
  const { value } = record;
  if (!isPacked(value)) return JSON.parse(value.toString('utf8')) as TopicRecords[T];
  return (topic === topics.steps ? decodeStep(value) : decodeForecast(value)) as TopicRecords[T];
}
