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
  offsetOfSupersededKey,
  supersededKey,
  timeOfRecord,
} from './log-layout.js';

/** Bound of a batch that is read at once, besides its number of records. */
const readBytesMax = 4 * 2 ** 20;
/** Records that one commit removes from a partition, at least; twice what it appends if that is more. */
const removedPerCommit = 1_000;
const noBytes = new Uint8Array(0);

/** A database: handle for reading, number for writing. */
export interface OpenDatabase {
  readonly database: Bytes;
  readonly number: number;
}

/** Databases of the log that its partitions share. */
export interface SharedDatabases {
  readonly partitions: OpenDatabase;
  readonly index: OpenDatabase;
  readonly superseded: OpenDatabase;
}

/**
 * One partition of the embedded log, as its only writer knows it.
 *
 * Compaction: a record is removed together with the append that supersedes it if every group has passed it by then.
 * Otherwise its offset is noted in `superseded`, and it goes with a later commit, when they have.
 */
export class EmbeddedPartition {
  readonly id: PartitionId;
  readonly topicId: number;
  spec: TopicSpec;
  /** Committed offsets of groups, by group. */
  readonly committed: Map<string, number>;
  readonly #records: OpenDatabase;
  readonly #shared: SharedDatabases;
  /** Durable. */
  #endOffset = 0;
  #newestTimeMs = -Infinity;
  /** With the batch being prepared. */
  #nextOffset = 0;
  #nextNewestTimeMs = -Infinity;
  readonly #nextIndex = new Map<string, number>();
  readonly #nextCommitted = new Map<string, number>();
  #appendedCount = 0;
  /** What the batch may not remove: from this offset on. */
  #neededFrom = 0;
  /** Lowest offset that the batch adds to `superseded`. */
  #nextSupersededFrom = Infinity;
  /** Time of the oldest record, undefined when not known. */
  #oldestTimeMs: number | undefined;
  /** Lowest offset in `superseded`, Infinity without one, undefined when not known. */
  #supersededFrom: number | undefined;
  /** There is more to remove than the last commit could. */
  hasMoreToRemove = false;

  constructor(
    id: PartitionId,
    topicId: number,
    spec: TopicSpec,
    records: OpenDatabase,
    shared: SharedDatabases,
    committed: Map<string, number>,
  ) {
    this.id = id;
    this.topicId = topicId;
    this.spec = spec;
    this.#records = records;
    this.#shared = shared;
    this.committed = committed;
    const known = shared.partitions.database.get(numberedKey([topicId, id.partition]));
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
    return beginOffset(this.#records.database, this.#endOffset);
  }

  read(fromOffset: number, recordsMax: number): LogRecord[] {
    return readRecords(this.#records.database, this.id, fromOffset, this.#endOffset, recordsMax);
  }

  /** Call for every checkpoint of a commit, before `prepareBegin`. */
  prepareCommitted(group: string, nextOffset: number): void {
    this.#nextCommitted.set(group, nextOffset);
  }

  /** Offsets by group that the batch will commit. */
  get nextCommitted(): ReadonlyMap<string, number> {
    return this.#nextCommitted;
  }

  /** Call once per commit, before the appends: nothing from `neededFrom` on may be removed. */
  prepareBegin(neededFrom: number): void {
    this.#neededFrom = neededFrom;
  }

  /** Adds the record, and for compacted topics the removal of the one it supersedes, now or later. */
  prepareAppend(batch: LmdbBatch, record: NewRecord): void {
    const offset = this.#nextOffset++;
    this.#appendedCount++;
    appendRecord(batch, this.#records.number, offset, record);
    if (record.timeMs > this.#nextNewestTimeMs) this.#nextNewestTimeMs = record.timeMs;
    if (this.spec.cleanup !== 'compact') return;
    const key = numberedKey([this.topicId, this.id.partition], record.key);
    const older = this.#nextIndex.get(record.key) ?? this.#shared.index.database.get(key)?.readDoubleLE(0);
    if (older !== undefined) this.#prepareSuperseded(batch, older);
    this.#nextIndex.set(record.key, offset);
    batch.put(this.#shared.index.number, key, encodeNumbers(offset));
  }

  /** Call once per commit, after the appends: the partition's own facts, and a piece of what may be removed. */
  prepareEnd(batch: LmdbBatch): void {
    if (this.#appendedCount > 0)
      batch.put(
        this.#shared.partitions.number,
        numberedKey([this.topicId, this.id.partition]),
        encodeNumbers(this.#nextOffset, this.#nextNewestTimeMs),
      );
    const countMax = Math.max(removedPerCommit, 2 * this.#appendedCount);
    this.hasMoreToRemove = false;
    if (this.spec.cleanup === 'compact') this.#prepareCompaction(batch, countMax);
    else if (this.spec.retentionMs !== Infinity) this.#prepareExpiry(batch, countMax);
  }

  apply(): void {
    this.#endOffset = this.#nextOffset;
    this.#newestTimeMs = this.#nextNewestTimeMs;
    for (const [group, nextOffset] of this.#nextCommitted) this.committed.set(group, nextOffset);
    this.revert();
  }

  revert(): void {
    this.#nextOffset = this.#endOffset;
    this.#nextNewestTimeMs = this.#newestTimeMs;
    this.#nextIndex.clear();
    this.#nextCommitted.clear();
    this.#appendedCount = 0;
    this.#nextSupersededFrom = Infinity;
  }

  /** After a commit that failed, what was counted as removed is still there. */
  forgetOldest(): void {
    this.#oldestTimeMs = undefined;
    this.#supersededFrom = undefined;
  }

  #prepareSuperseded(batch: LmdbBatch, older: number): void {
    if (older < this.#neededFrom) {
      batch.remove(this.#records.number, offsetKey(older));
      return;
    }
    batch.put(this.#shared.superseded.number, this.#supersededKey(older), noBytes);
    if (older < this.#nextSupersededFrom) this.#nextSupersededFrom = older;
  }

  #prepareCompaction(batch: LmdbBatch, countMax: number): void {
    if (this.#supersededFrom === undefined || this.#supersededFrom < this.#neededFrom) {
      this.#supersededFrom = Infinity;
      let count = 0;
      const range = { start: this.#supersededKey(0), end: this.#supersededKey(this.#endOffset) };
      for (const key of this.#shared.superseded.database.getKeys(range)) {
        const offset = offsetOfSupersededKey(key);
        if (offset >= this.#neededFrom || count === countMax) {
          this.#supersededFrom = offset;
          this.hasMoreToRemove = offset < this.#neededFrom;
          break;
        }
        batch.remove(this.#records.number, offsetKey(offset));
        batch.remove(this.#shared.superseded.number, key);
        count++;
      }
    }
    // What this batch adds is needed still, or it would not have been added.
    this.#supersededFrom = Math.min(this.#supersededFrom, this.#nextSupersededFrom);
  }

  #supersededKey(offset: number): Uint8Array {
    return supersededKey(this.topicId, this.id.partition, offset);
  }

  #prepareExpiry(batch: LmdbBatch, countMax: number): void {
    const keptFromMs = this.#nextNewestTimeMs - this.spec.retentionMs;
    if (this.#oldestTimeMs !== undefined && this.#oldestTimeMs >= keptFromMs) return;
    let count = 0;
    this.#oldestTimeMs = undefined;
    for (const { key, value } of this.#records.database.getRange({ limit: countMax + 1 })) {
      const timeMs = timeOfRecord(value);
      if (timeMs >= keptFromMs || offsetOfKey(key) >= this.#neededFrom) {
        this.#oldestTimeMs = timeMs;
        return;
      }
      if (count === countMax) {
        this.hasMoreToRemove = true;
        return;
      }
      batch.remove(this.#records.number, key);
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
