/** Records of the port ⇄ records of Kafka. */
import { Buffer } from 'node:buffer';
import type { LogRecord, NewRecord, PartitionId } from '../../domain/log.js';
import type { FetchedPartition, WireMessage, WireRecord } from './wire.js';

/**
 * Plant time travels in this header. Kafka's own timestamp is the time of arrival: by it Kafka counts the age of records,
 * and a history that is replayed today, or a plant whose clock runs fast, must not be expired on arrival.
 */
const timeHeader = 'timeMs';

export function toWire({ key, value, timeMs }: NewRecord): WireRecord {
  return { key, value, headers: { [timeHeader]: String(timeMs) } };
}

export function fromWire(topic: string, partition: number, message: WireMessage): LogRecord {
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key?.toString('utf8') ?? '',
    value: message.value ?? Buffer.alloc(0),
    timeMs: Number(message.headers[timeHeader]?.toString('latin1') ?? Number.NaN),
  };
}

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

const abortMarkerType = 0;

/** Of what was fetched from `fromOffset` on, the records of committed transactions and those outside of any. */
export function visibleOf(fetched: FetchedPartition, fromOffset: number): Fetched {
  const endOffset = Number(fetched.lastStableOffset);
  const aborted = [...(fetched.abortedTransactions ?? [])].sort(
    (a, b) => Number(a.firstOffset) - Number(b.firstOffset),
  );
  const abortedProducers = new Set<string>();
  const messages: WireMessage[] = [];
  let nextOffset = fromOffset;
  for (const message of fetched.messages) {
    const offset = Number(message.offset);
    const { firstOffset, lastOffsetDelta, producerId, inTransaction } = message.batchContext;
    nextOffset = Math.max(nextOffset, Number(firstOffset) + lastOffsetDelta + 1);
    for (let next = aborted[0]; next && Number(next.firstOffset) <= offset; next = aborted[0]) {
      abortedProducers.add(next.producerId);
      aborted.shift();
    }
    if (message.isControlRecord) {
      if (message.key?.readInt16BE(2) === abortMarkerType) abortedProducers.delete(producerId);
    } else if (offset >= fromOffset && !(inTransaction && abortedProducers.has(producerId)))
      messages.push(message);
  }
  return { messages, nextOffset, endOffset };
}

export function partitionName({ topic, partition }: PartitionId): string {
  return `partition ${partition} of topic "${topic}"`;
}
