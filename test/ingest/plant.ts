/** A small plant for the tests of ingest, and a log that records. */
import { Buffer } from 'node:buffer';
import { type Clock, SetClock } from '../../domain/clock.js';
import type { RejectedRecord } from '../../domain/input.js';
import type { LogRecord, NewRecord } from '../../domain/log.js';
import { MachineDirectory } from '../../domain/machine-directory.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';
import { decodeRecord, type TopicName, type TopicRecords } from '../../domain/topics.js';
import { type IngestConfig, type IngestConfigInput, ingestConfigSchema } from '../../ingest/config.js';
import { Ingest } from '../../ingest/ingest.js';

export const nowMs = Date.UTC(2024, 4, 1, 6);

export const press: MachineType = machineTypeSchema.parse({
  name: 'press',
  sensors: [
    { name: 'temp', unit: 'degC', min: -50, max: 400 },
    { name: 'vib', unit: 'mm/s', min: 0, max: 100, outOfRange: 'flag' },
    { name: 'pressure', unit: 'bar', min: 0, max: 500 },
    { name: 'count' },
  ],
  eventCodes: ['E1', 'E2'],
  maintenanceKinds: ['pump', 'seal'],
});
export const fan: MachineType = machineTypeSchema.parse({
  name: 'fan',
  sensors: [{ name: 'rpm', unit: 'rpm' }],
});

export const types: ReadonlyMap<string, MachineType> = new Map([
  ['press', press],
  ['fan', fan],
]);
export const directory = new MachineDirectory([
  { match: 'press-*', type: 'press', attributes: {} },
  { match: 'fan-*', type: 'fan', attributes: {} },
  { match: 'lathe-*', type: 'lathe', attributes: {} },
  { match: 'typed-*', attributes: {} },
]);

export function configOf(input: IngestConfigInput = {}): IngestConfig {
  return ingestConfigSchema.parse(input);
}

/** Keeps what is appended; `before` may delay or refuse an append. */
export class RecordingLog {
  readonly records: NewRecord[] = [];
  appends = 0;
  before: (records: readonly NewRecord[]) => Promise<void> = () => Promise.resolve();

  async append(records: readonly NewRecord[]): Promise<void> {
    this.appends++;
    await this.before(records);
    this.records.push(...records);
  }

  of<T extends TopicName>(topic: T): { readonly partition: number; readonly record: TopicRecords[T] }[] {
    return this.records
      .filter((record) => record.topic === topic)
      .map((record, offset) => ({
        partition: record.partition,
        record: decodeRecord(topic, { ...record, offset } satisfies LogRecord),
      }));
  }

  rejected(): RejectedRecord[] {
    return this.of('rejected').map(({ record }) => record);
  }
}

export function makeIngest(
  input: IngestConfigInput = {},
  parts: { readonly log?: RecordingLog; readonly clock?: Clock; readonly partitionCount?: number } = {},
): { readonly ingest: Ingest; readonly log: RecordingLog; readonly clock: Clock } {
  const { log = new RecordingLog(), clock = new SetClock(nowMs), partitionCount = 4 } = parts;
  const config = configOf(input);
  return { ingest: new Ingest({ types, directory, config, log, partitionCount, clock }), log, clock };
}

export function bytes(payload: unknown): Buffer {
  return Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
}
