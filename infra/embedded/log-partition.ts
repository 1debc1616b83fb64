import type { LogRecord, NewRecord, PartitionId, TopicSpec } from '../../domain/log.js';
import type { LmdbBatch } from './lmdb-batch.js';
import type { Bytes } from './lmdb-open.js';
import {
  appendRecord,
  decodeRecord,
  encodeNumbers,
  numberedKey,
  offsetKey,
  offsetOfKey,
  timeOfRecord,
} from './log-layout.js';

/** Bound of a batch that is read at once, besides its number of records. */
const readBytesMax = 4 * 2 ** 20;
/** Expired records that one commit removes from a partition, at least; twice what it appends if that is more. */
const expiredPerCommit = 1_000;

/** Databases of the log that partitions share: handle for reading, number for writing. */
export interface SharedDatabases {
  readonly partitions: Bytes;
  readonly index: Bytes;
  readonly partitionsNumber: number;
  readonly indexNumber: number;
}

/** One partition of the embedded log, as its only writer knows it. */
export class EmbeddedPartition {
  readonly id: PartitionId;
  readonly topicId: number;
  spec: TopicSpec;
  readonly #records: Bytes;
  readonly #recordsNumber: number;
  readonly #shared: SharedDatabases;
  /** Durable. */
  #endOffset = 0;
  #newestTimeMs = -Infinity;
  /** With the batch being prepared. */
  #nextOffset = 0;
  #nextNewestTimeMs = -Infinity;
  readonly #nextIndex = new Map<string, number>();
  #appendedCount = 0;
  /** Time of the oldest record, undefined when not known. */
  #oldestTimeMs: number | undefined;
  /** More has expired than the last commit could remove. */
  hasExpired = false;

  constructor(
    id: PartitionId,
    topicId: number,
    spec: TopicSpec,
    records: { readonly database: Bytes; readonly number: number },
    shared: SharedDatabases,
  ) {
    this.id = id;
    this.topicId = topicId;
    this.spec = spec;
    this.#records = records.database;
    this.#recordsNumber = records.number;
    this.#shared = shared;
    const known = shared.partitions.get(numberedKey([topicId, id.partition]));
    if (known) {
      this.#endOffset = known.readDoubleLE(0);
      this.#newestTimeMs = known.readDoubleLE(8);
    }
    this.revert();
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get beginOffset(): number {
    return beginOffset(this.#records, this.#endOffset);
  }

  read(fromOffset: number, recordsMax: number): LogRecord[] {
    return readRecords(this.#records, this.id, fromOffset, this.#endOffset, recordsMax);
  }

  /** Adds the record, and for compacted topics the removal of the one it replaces. */
  prepareAppend(batch: LmdbBatch, record: NewRecord): void {
    const offset = this.#nextOffset++;
    this.#appendedCount++;
    appendRecord(batch, this.#recordsNumber, offset, record);
    if (record.timeMs > this.#nextNewestTimeMs) this.#nextNewestTimeMs = record.timeMs;
    if (this.spec.cleanup !== 'compact') return;
    const key = numberedKey([this.topicId, this.id.partition], record.key);
    const older = this.#nextIndex.get(record.key) ?? this.#shared.index.get(key)?.readDoubleLE(0);
    if (older !== undefined) batch.remove(this.#recordsNumber, offsetKey(older));
    this.#nextIndex.set(record.key, offset);
    batch.put(this.#shared.indexNumber, key, encodeNumbers(offset));
  }

  /** Call once per commit, after the appends: the partition's own facts, and what has expired. */
  prepareEnd(batch: LmdbBatch, neededFrom: number): void {
    if (this.#appendedCount > 0)
      batch.put(
        this.#shared.partitionsNumber,
        numberedKey([this.topicId, this.id.partition]),
        encodeNumbers(this.#nextOffset, this.#nextNewestTimeMs),
      );
    this.#prepareExpiry(batch, neededFrom);
  }

  apply(): void {
    this.#endOffset = this.#nextOffset;
    this.#newestTimeMs = this.#nextNewestTimeMs;
    this.revert();
  }

  revert(): void {
    this.#nextOffset = this.#endOffset;
    this.#nextNewestTimeMs = this.#newestTimeMs;
    this.#nextIndex.clear();
    this.#appendedCount = 0;
  }

  /** After a commit that failed, what was counted as removed is still there. */
  forgetOldest(): void {
    this.#oldestTimeMs = undefined;
  }

  #prepareExpiry(batch: LmdbBatch, neededFrom: number): void {
    this.hasExpired = false;
    if (this.spec.cleanup !== 'delete' || this.spec.retentionMs === Infinity) return;
    const keptFromMs = this.#nextNewestTimeMs - this.spec.retentionMs;
    if (this.#oldestTimeMs !== undefined && this.#oldestTimeMs >= keptFromMs) return;
    const countMax = Math.max(expiredPerCommit, 2 * this.#appendedCount);
    let count = 0;
    this.#oldestTimeMs = undefined;
    for (const { key, value } of this.#records.getRange({ limit: countMax + 1 })) {
      const timeMs = timeOfRecord(value);
      if (timeMs >= keptFromMs || offsetOfKey(key) >= neededFrom) {
        this.#oldestTimeMs = timeMs;
        return;
      }
      if (count === countMax) {
        this.hasExpired = true;
        return;
      }
      batch.remove(this.#recordsNumber, key);
      count++;
    }
  }
}

/** First offset that a partition's database holds; its end offset when it is empty. */
export function beginOffset(records: Bytes, endOffset: number): number {
  for (const key of records.getKeys({ limit: 1 })) return offsetOfKey(key);
  return endOffset;
}

export function readRecords(
  records: Bytes,
  id: PartitionId,
  fromOffset: number,
  toOffset: number,
  recordsMax: number,
): LogRecord[] {
  const found: LogRecord[] = [];
  if (fromOffset >= toOffset) return found;
  let bytes = 0;
  const range = { start: offsetKey(fromOffset), end: offsetKey(toOffset), limit: recordsMax };
  for (const { key, value } of records.getRange(range)) {
    found.push(decodeRecord(id, offsetOfKey(key), value));
    bytes += value.length;
    if (bytes >= readBytesMax) break;
  }
  return found;
}
