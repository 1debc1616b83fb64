import type { Buffer } from 'node:buffer';
import type { LogRecord, NewRecord, PartitionId, TopicSpec } from '../../domain/log.js';
import type { LmdbBatch } from './lmdb-batch.js';
import type { Bytes } from './lmdb-open.js';
import {
  appendRecord,
  decodeRecord,
  encodeNumbers,
  endOfNumbers,
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
  readonly superseded: Bytes;
  readonly supersededNumber: number;
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
  /** Compacted topics: offsets of records that a newer one replaces and that a consumer may still need; durable. */
  readonly #superseded = new Set<number>();
  /** What the batch being prepared adds to these and takes from them. */
  #newlySuperseded: number[] = [];
  #compacted: number[] = [];
  /** `#superseded` holds nothing below, or not much. */
  #compactedTo = 0;
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
    const prefix = [topicId, id.partition];
    const range = { start: numberedKey(prefix), end: endOfNumbers(prefix) };
    for (const { value } of shared.superseded.getRange(range)) this.#superseded.add(value.readDoubleLE(0));
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

  /** Adds the record; for compacted topics, the one it replaces can go. */
  prepareAppend(batch: LmdbBatch, record: NewRecord): void {
    const offset = this.#nextOffset++;
    this.#appendedCount++;
    appendRecord(batch, this.#recordsNumber, offset, record);
    if (record.timeMs > this.#nextNewestTimeMs) this.#nextNewestTimeMs = record.timeMs;
    if (this.spec.cleanup !== 'compact') return;
    const key = numberedKey([this.topicId, this.id.partition], record.key);
    const older = this.#nextIndex.get(record.key) ?? this.#shared.index.get(key)?.readDoubleLE(0);
    if (older !== undefined) this.#newlySuperseded.push(older);
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
    this.#prepareCompaction(batch, neededFrom);
    this.#prepareExpiry(batch, neededFrom);
  }

  apply(): void {
    this.#endOffset = this.#nextOffset;
    this.#newestTimeMs = this.#nextNewestTimeMs;
    for (const offset of this.#compacted) this.#superseded.delete(offset);
    for (const offset of this.#newlySuperseded) this.#superseded.add(offset);
    this.revert();
  }

  revert(): void {
    this.#nextOffset = this.#endOffset;
    this.#nextNewestTimeMs = this.#newestTimeMs;
    this.#nextIndex.clear();
    this.#newlySuperseded = [];
    this.#compacted = [];
    this.#appendedCount = 0;
  }

  /** After a commit that failed, what was counted as removed is still there. */
  forgetOldest(): void {
    this.#oldestTimeMs = undefined;
  }

  /**
   * Removes what is superseded, but nothing from `neededFrom` on: a stage that lags sees every record, so that what it
   * makes of them does not depend on how far it lags.
   */
  #prepareCompaction(batch: LmdbBatch, neededFrom: number): void {
    const { supersededNumber } = this.#shared;
    const added = this.#newlySuperseded;
    this.#newlySuperseded = added.filter((offset) => offset >= neededFrom);
    for (const offset of added)
      if (offset < neededFrom) batch.remove(this.#recordsNumber, offsetKey(offset));
      else batch.put(supersededNumber, this.#supersededKey(offset), encodeNumbers(offset));
    // Looking through all of them is worth it when the consumers have come on by as much.
    this.#compactedTo = Math.min(this.#compactedTo, neededFrom);
    if (this.#superseded.size === 0 || neededFrom - this.#compactedTo < this.#superseded.size / 8) return;
    this.#compactedTo = neededFrom;
    for (const offset of this.#superseded) {
      if (offset >= neededFrom) continue;
      batch.remove(this.#recordsNumber, offsetKey(offset));
      batch.remove(supersededNumber, this.#supersededKey(offset));
      this.#compacted.push(offset);
    }
  }

  #supersededKey(offset: number): Buffer {
    return numberedKey([this.topicId, this.id.partition, Math.floor(offset / 2 ** 32), offset % 2 ** 32]);
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
