/**
 * Kafka's record batches (format 2, https://kafka.apache.org/documentation/#recordbatch), written and read in one pass over one
 * buffer. kafkajs makes several buffers and objects for every record, which was half of what a reading cost on Kafka.
 */
import { Buffer } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { WorldError } from '../../domain/errors.js';
import { crc32c } from './crc32c.js';

/** A record as it is sent; a null value deletes the key from a compacted topic. */
export interface WireRecord {
  readonly key: string;
  readonly value: Buffer | null;
  /** Plant time, in the header `timeMs`. Undefined: no header. */
  readonly timeMs: number | undefined;
}

export interface WireMessage {
  readonly offset: number;
  readonly key: string;
  /** A view of the response that it came in. */
  readonly value: Buffer | null;
  /** NaN where there is no header `timeMs`. */
  readonly timeMs: number;
}

export interface RecordBatch {
  readonly firstOffset: number;
  /** Also where compaction has removed the last record. */
  readonly lastOffset: number;
  readonly producerId: number;
  readonly inTransaction: boolean;
  /** The end of a transaction is marked by a batch without records for anyone. */
  readonly marker: 'commit' | 'abort' | undefined;
  readonly messages: readonly WireMessage[];
}

export interface BatchProducer {
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly transactional: boolean;
  /** 0 none, 1 gzip. */
  readonly compression: 0 | 1;
}

const headBytes = 61;
/** Where the fields of a batch's head begin. */
const at = {
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  count: 57,
} as const;
/** Length and leader epoch stand before what `length` counts. */
const lengthFrom = 12;
const compressionMask = 7;
const transactionalBit = 16;
const controlBit = 32;
/** Longest that a record takes besides key and value: seven lengths, the header and its text. */
const recordFrameBytes = 80;

const timeHeader = Buffer.from('timeMs');
/** So many decimal digits are exact in a number. */
const exactDigitsMax = 15;

/** `nowMs` is the time that Kafka is told; topics of ours have the time of arrival in its place. */
export async function encodeRecordBatch(
  records: readonly WireRecord[],
  producer: BatchProducer,
  nowMs: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(
    headBytes +
      records.reduce(
        (sum, { key, value }) => sum + 3 * key.length + (value?.length ?? 0) + recordFrameBytes,
        0,
      ),
  );
  const end = writeRecords(bytes, records);
  if (producer.compression === 0) return writeHead(bytes.subarray(0, end), records.length, producer, nowMs);
  const packed = await promisify(gzip)(bytes.subarray(headBytes, end));
  return writeHead(Buffer.concat([bytes.subarray(0, headBytes), packed]), records.length, producer, nowMs);
}

function writeHead(batch: Buffer, count: number, producer: BatchProducer, nowMs: number): Buffer {
  batch.fill(0, 0, headBytes);
  batch.writeInt32BE(batch.length - lengthFrom, at.length);
  batch[at.magic] = 2;
  batch.writeInt16BE(producer.compression | (producer.transactional ? transactionalBit : 0), at.attributes);
  batch.writeInt32BE(count - 1, at.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(nowMs), at.firstTimestamp);
  batch.writeBigInt64BE(BigInt(nowMs), at.maxTimestamp);
  batch.writeBigInt64BE(BigInt(producer.producerId), at.producerId);
  batch.writeInt16BE(producer.producerEpoch, at.producerEpoch);
  batch.writeInt32BE(producer.firstSequence, at.firstSequence);
  batch.writeInt32BE(count, at.count);
  batch.writeUInt32BE(crc32c(batch, at.attributes, batch.length), at.crc);
  return batch;
}

/** Returns where the last one ends. */
function writeRecords(bytes: Buffer, records: readonly WireRecord[]): number {
  let end = headBytes;
  for (let i = 0; i < records.length; i++) {
    const { key, value, timeMs } = records[i] as WireRecord;
    const keyBytes = Buffer.byteLength(key);
    const time = timeMs === undefined ? '' : String(timeMs);
    const headerBytes = time === '' ? 1 : 2 + timeHeader.length + varintBytes(time.length) + time.length;
    const valueBytes = value === null ? varintBytes(-1) : varintBytes(value.length) + value.length;
    // Attributes and time are a zero each.
    end = writeVarint(
      bytes,
      end,
      2 + varintBytes(i) + varintBytes(keyBytes) + keyBytes + valueBytes + headerBytes,
    );
    bytes[end++] = 0;
    bytes[end++] = 0;
    end = writeVarint(bytes, end, i);
    end = writeVarint(bytes, end, keyBytes);
    end += bytes.write(key, end);
    if (value === null) end = writeVarint(bytes, end, -1);
    else {
      end = writeVarint(bytes, end, value.length);
      end += value.copy(bytes, end);
    }
    if (time === '') {
      bytes[end++] = 0;
      continue;
    }
    end = writeVarint(bytes, end, 1);
    end = writeVarint(bytes, end, timeHeader.length);
    end += timeHeader.copy(bytes, end);
    end = writeVarint(bytes, end, time.length);
    end += bytes.write(time, end, 'latin1');
  }
  return end;
}

/** All whole batches: Kafka cuts the last one off where the answer is full. */
export async function decodeRecordBatches(bytes: Buffer): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  for (let start = 0; start + headBytes <= bytes.length; ) {
    const end = start + lengthFrom + bytes.readInt32BE(start + at.length);
    if (end > bytes.length) break;
    batches.push(await decodeBatch(bytes.subarray(start, end)));
    start = end;
  }
  return batches;
}

async function decodeBatch(batch: Buffer): Promise<RecordBatch> {
  const magic = batch[at.magic];
  if (magic !== 2) throw unreadable(`records in the old format ${magic}`, 'brokers of version 0.11 or later');
  const attributes = batch.readInt16BE(at.attributes);
  const firstOffset = readInt64(batch, 0);
  const shared = {
    firstOffset,
    lastOffset: firstOffset + batch.readInt32BE(at.lastOffsetDelta),
    producerId: readInt64(batch, at.producerId),
    inTransaction: (attributes & transactionalBit) !== 0,
  };
  const body = await unpacked(batch.subarray(headBytes), attributes & compressionMask);
  const reader = new RecordReader(body, firstOffset);
  const count = batch.readInt32BE(at.count);
  if ((attributes & controlBit) !== 0)
    return { ...shared, marker: count > 0 ? reader.readMarker() : undefined, messages: [] };
  const messages: WireMessage[] = new Array(count);
  for (let i = 0; i < count; i++) messages[i] = reader.read();
  return { ...shared, marker: undefined, messages };
}

async function unpacked(body: Buffer, compression: number): Promise<Buffer> {
  if (compression === 0) return body;
  if (compression === 1) return promisify(gunzip)(body);
  const name = ['', '', 'snappy', 'lz4', 'zstd'][compression] ?? `number ${compression}`;
  throw unreadable(`records compressed with ${name}`, 'compression.type producer for the topic');
}

function unreadable(what: string, wanted: string): WorldError {
  return new WorldError('rejected', `Kafka has ${what}, which we do not read; set it to ${wanted}`, {
    retryable: false,
  });
}

/** Reads the records of one batch, one after another. */
class RecordReader {
  readonly #bytes: Buffer;
  readonly #firstOffset: number;
  #at = 0;

  constructor(bytes: Buffer, firstOffset: number) {
    this.#bytes = bytes;
    this.#firstOffset = firstOffset;
  }

  read(): WireMessage {
    const bytes = this.#bytes;
    const length = this.#varint();
    const end = this.#at + length;
    this.#at++; // attributes
    this.#skipVarint(); // time
    const offset = this.#firstOffset + this.#varint();
    const keyBytes = this.#varint();
    const key = keyBytes > 0 ? bytes.toString('utf8', this.#at, this.#at + keyBytes) : '';
    this.#at += Math.max(0, keyBytes);
    const valueBytes = this.#varint();
    const value = valueBytes < 0 ? null : bytes.subarray(this.#at, this.#at + valueBytes);
    this.#at += Math.max(0, valueBytes);
    const timeMs = this.#time();
    this.#at = end;
    return { offset, key, value, timeMs };
  }

  readMarker(): 'commit' | 'abort' {
    this.#varint(); // length
    this.#at++; // attributes
    this.#skipVarint(); // time
    this.#varint(); // offset
    this.#varint(); // length of the key: version and type, two bytes each
    return this.#bytes.readInt16BE(this.#at + 2) === 0 ? 'abort' : 'commit';
  }

  /** Of the header of that name. */
  #time(): number {
    for (let left = this.#varint(); left > 0; left--) {
      const nameBytes = this.#varint();
      const name = this.#at;
      this.#at += nameBytes;
      const valueBytes = Math.max(0, this.#varint());
      const value = this.#at;
      this.#at += valueBytes;
      if (
        nameBytes === timeHeader.length &&
        this.#bytes.compare(timeHeader, 0, nameBytes, name, name + nameBytes) === 0
      )
        return this.#number(value, value + valueBytes);
    }
    return Number.NaN;
  }

  #number(from: number, to: number): number {
    let number = 0;
    for (let i = from; i < to; i++) {
      const digit = (this.#bytes[i] as number) - 0x30;
      if (digit < 0 || digit > 9 || to - from > exactDigitsMax)
        return Number(this.#bytes.toString('latin1', from, to));
      number = number * 10 + digit;
    }
    return number;
  }

  /** Zigzag, 32 bits. */
  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] as number;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[this.#at++] as number;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  #skipVarint(): void {
    while ((this.#bytes[this.#at++] as number) >= 0x80);
  }
}

function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5;
}

/** Returns where it ends. */
function writeVarint(bytes: Buffer, start: number, value: number): number {
  let end = start;
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  for (; zigzag >= 0x80; zigzag >>>= 7) bytes[end++] = (zigzag & 0x7f) | 0x80;
  bytes[end++] = zigzag;
  return end;
}

/** Exact up to 2^53. */
export function readInt64(bytes: Buffer, start: number): number {
  return bytes.readInt32BE(start) * 2 ** 32 + bytes.readUInt32BE(start + 4);
}
