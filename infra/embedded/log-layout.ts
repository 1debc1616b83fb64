/**
 * Keys and values of the embedded log, all binary and ordered. Numbers in keys are big endian, in values little
 * endian. Databases: `meta` (topics and groups, JSON), `partitions` (end offset and newest time), `index` (newest
 * offset per key of compacted topics), `superseded` (offsets of records with a newer one of the same key that are kept
 * for a group that lags), `offsets` and `state` (of groups), and one with the records of each partition.
 */
import { Buffer } from 'node:buffer';
import type { LogRecord, NewRecord, PartitionId } from '../../domain/log.js';
import { change, type LmdbBatch } from './lmdb-batch.js';

/** LMDB's limit with 4 KiB pages is 1,978 bytes; prefixes take up to 12. */
export const keyBytesMax = 1_900;
/** Keys of topics that are not compacted are not LMDB keys. */
export const recordKeyBytesMax = 65_535;

const recordHeadBytes = 10;

export function recordsDatabase(topicId: number, partition: number): string {
  return `records/${topicId}/${partition}`;
}

/** 48 bits: a million records a second last nine years. */
export function offsetKey(offset: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUIntBE(offset, 0, 6);
  return key;
}

export function offsetOfKey(key: Uint8Array): number {
  // Byte by byte: a Buffer around each key took a quarter of the time of reading the log.
  let offset = 0;
  for (let at = 0; at < 6; at++) offset = offset * 256 + (key[at] as number);
  return offset;
}

/** Key of numbers and perhaps a text behind them. */
export function numberedKey(numbers: readonly number[], text = ''): Buffer {
  const head = 4 * numbers.length;
  const key = Buffer.allocUnsafe(head + Buffer.byteLength(text));
  numbers.forEach((number, index) => {
    key.writeUInt32BE(number, 4 * index);
  });
  key.write(text, head);
  return key;
}

export function textOfKey(key: Uint8Array, numberCount: number): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('utf8', 4 * numberCount);
}

/** The key after every key that begins with `numbers`. */
export function endOfNumbers(numbers: readonly number[]): Buffer {
  const key = numberedKey(numbers);
  for (let at = key.length - 1; at >= 0; at--) {
    key[at] = ((key[at] as number) + 1) & 0xff;
    if (key[at] !== 0) break;
  }
  return key;
}

/** Key in `superseded`: sorted by offset within a partition. */
export function supersededKey(topicId: number, partition: number, offset: number): Buffer {
  return Buffer.concat([numberedKey([topicId, partition]), offsetKey(offset)]);
}

export function offsetOfSupersededKey(key: Uint8Array): number {
  return offsetOfKey(key.subarray(8));
}

export function encodeNumbers(...numbers: readonly number[]): Buffer {
  const value = Buffer.allocUnsafe(8 * numbers.length);
  numbers.forEach((number, index) => {
    value.writeDoubleLE(number, 8 * index);
  });
  return value;
}

/** Record value: f64 time, u16 key bytes, key, value. */
export function appendRecord(batch: LmdbBatch, database: number, offset: number, record: NewRecord): void {
  const keyBytes = Buffer.byteLength(record.key);
  const bytes = recordHeadBytes + keyBytes + record.value.length;
  const { buffer, at } = batch.reserve(change.append, database, offsetKey(offset), bytes);
  buffer.writeDoubleLE(record.timeMs, at);
  buffer.writeUInt16LE(keyBytes, at + 8);
  buffer.write(record.key, at + recordHeadBytes);
  buffer.set(record.value, at + recordHeadBytes + keyBytes);
}

export function decodeRecord({ topic, partition }: PartitionId, offset: number, bytes: Buffer): LogRecord {
  const valueAt = recordHeadBytes + bytes.readUInt16LE(8);
  return {
    topic,
    partition,
    offset,
    timeMs: timeOfRecord(bytes),
    key: bytes.toString('utf8', recordHeadBytes, valueAt),
    value: bytes.subarray(valueAt),
  };
}

export function timeOfRecord(bytes: Buffer): number {
  return bytes.readDoubleLE(0);
}
