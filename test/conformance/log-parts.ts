/** What tests of a log are made of: topics, records, checkpoints and consumers. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Batch,
  Checkpoint,
  Consumer,
  Log,
  LogRecord,
  NewRecord,
  PartitionHandler,
  PartitionId,
  TopicSpec,
} from '../../domain/log.js';

let nameCount = 0;
/** A name that no other test uses, on a broker that outlives the tests either. */
export function freshName(word: string): string {
  return `${word}-${process.pid}-${nameCount++}`;
}

export function topicSpec(name: string, changes: Partial<TopicSpec> = {}): TopicSpec {
  return { name, partitionCount: 2, cleanup: 'delete', retentionMs: Infinity, ...changes };
}

export function newRecord(
  topic: string,
  partition: number,
  text: string,
  changes: Partial<NewRecord> = {},
): NewRecord {
  return { topic, partition, key: `key-${text}`, value: Buffer.from(text), timeMs: 1_000, ...changes };
}

export async function readAll(log: Log, partition: PartitionId, from = 0, to?: number): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for await (const record of log.read(partition, from, to)) found.push(record);
  return found;
}

export async function readTexts(log: Log, topic: string, partition: number): Promise<string[]> {
  return textsOf(await readAll(log, { topic, partition }));
}

export function textsOf(records: readonly LogRecord[]): string[] {
  return records.map(({ value }) => value.toString());
}

/** A promise and the function that resolves it. */
export function signal<T = void>(): { readonly promise: Promise<T>; readonly give: (value: T) => void } {
  let give: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    give = resolve;
  });
  return { promise, give };
}

export function checkpointAfter(batch: Batch, rest: Partial<Checkpoint> = {}): Checkpoint {
  const last = batch.records[batch.records.length - 1];
  assert(last, 'a batch has records');
  return { nextOffset: last.offset + 1, outputs: [], state: [], ...rest };
}

/** A handler from the parts that a test cares about. */
export function handler(parts: Partial<PartitionHandler>): PartitionHandler {
  return { restore: () => {}, process: async () => null, close: () => {}, ...parts };
}

export interface TopicConsumer {
  readonly group: string;
  readonly topic: string;
  /** 10 unless given. */
  readonly batchRecordsMax?: number;
  /** The beginning unless given. */
  readonly from?: 'beginning' | 'end';
}

/** Consumes one topic; `partsFor` gives what a test cares about of the handler of each partition. */
export function consumeTopic(
  log: Log,
  { group, topic, batchRecordsMax = 10, from = 'beginning' }: TopicConsumer,
  partsFor: (partition: PartitionId) => Partial<PartitionHandler>,
): Consumer {
  const handlerFor = (partition: PartitionId) => handler(partsFor(partition));
  return log.consume({ group, topics: [topic], batchRecordsMax, from, handlerFor });
}

/** A stage that passes on the texts that it reads to the same partition of `to`. */
export function copying(
  log: Log,
  { group, topic, to }: { readonly group: string; readonly topic: string; readonly to: string },
  {
    change = (text) => text,
    delayMs = 0,
  }: { readonly change?: (text: string) => string; readonly delayMs?: number } = {},
): Consumer {
  return consumeTopic(log, { group, topic }, ({ partition }) => ({
    process: async (batch) => {
      if (delayMs > 0) await sleep(delayMs);
      const outputs = textsOf(batch.records).map((text) => newRecord(to, partition, change(text)));
      return checkpointAfter(batch, { outputs });
    },
  }));
}

/** Consumes until `count` records have come, then closes; fails with what stopped the consumer. */
export async function consumeCount(
  log: Log,
  { count, ...options }: TopicConsumer & { readonly count: number },
  process: (batch: Batch) => Checkpoint | null = (batch) => checkpointAfter(batch),
): Promise<LogRecord[]> {
  const seen: LogRecord[] = [];
  const enough = signal();
  const consumer = consumeTopic(log, { batchRecordsMax: 100, ...options }, () => ({
    process: async (batch) => {
      seen.push(...batch.records);
      const checkpoint = process(batch);
      if (seen.length >= count) enough.give();
      return checkpoint;
    },
  }));
  await Promise.race([enough.promise, consumer.done]);
  await consumer.close();
  await consumer.done;
  return seen;
}
