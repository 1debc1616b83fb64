/** Records of the port ⇄ records of Kafka. */
import { Buffer } from 'node:buffer';
import type { LogRecord, NewRecord, PartitionId } from '../../domain/log.js';
import type { WireMessage, WireRecord } from './record-batch.js';
import type { FetchedPartition } from './record-requests.js';

export function toWire({ key, value, timeMs }: NewRecord): WireRecord {
  return { key, value, timeMs };
}

export function fromWire(topic: string, partition: number, message: WireMessage): LogRecord {
  const { offset, key, value, timeMs } = message;
  return { topic, partition, offset, key, value: value ?? noBytes, timeMs };
}

const noBytes = Buffer.alloc(0);

/** About what a record takes in a request. */
export function wireBytes(record: WireRecord): number {
  return record.key.length + (record.value?.length ?? 0) + 50;
}

export interface Fetched {
  readonly messages: readonly WireMessage[];
  /** Where to read on: after everything that was looked at, including what is not shown. */
  readonly nextOffset: number;
  readonly endOffset: number;
}

/** Of what was fetched from `fromOffset` on, the records of committed transactions and those outside of any. */
export function visibleOf(fetched: FetchedPartition, fromOffset: number): Fetched {
  const aborted = [...fetched.abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset);
  const abortedProducers = new Set<number>();
  const messages: WireMessage[] = [];
  let nextOffset = fromOffset;
  for (const batch of fetched.batches) {
    nextOffset = Math.max(nextOffset, batch.lastOffset + 1);
    for (let next = aborted[0]; next && next.firstOffset <= batch.lastOffset; next = aborted[0]) {
      abortedProducers.add(next.producerId);
      aborted.shift();
    }
    if (batch.marker === 'abort') abortedProducers.delete(batch.producerId);
    if (batch.inTransaction && abortedProducers.has(batch.producerId)) continue;
    for (const message of batch.messages) if (message.offset >= fromOffset) messages.push(message);
  }
  return { messages, nextOffset, endOffset: fetched.lastStableOffset };
}

export function partitionName({ topic, partition }: PartitionId): string {
  return `partition ${partition} of topic "${topic}"`;
}
