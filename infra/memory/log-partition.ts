import type { LogRecord, NewRecord, TopicSpec } from '../../domain/log.js';

/** Removed records are compacted away when at least this many, and more than half of those held, are gone. */
const gapsBeforeRebuild = 1024;

/** Records of one partition, oldest first. Removed ones leave gaps until enough have gathered. */
export class MemoryPartition {
  readonly #cleanup: TopicSpec['cleanup'];
  retentionMs: number;
  /** By offset; null where removed. */
  #records: (LogRecord | null)[] = [];
  /** Offset of each entry of `#records`; null while they are dense up to the end offset. */
  #offsets: number[] | null = null;
  #firstIndex = 0;
  #gapCount = 0;
  #newestTimeMs = -Infinity;
  #endOffset = 0;
  /** Compacted topics: key to index in `#records`. */
  readonly #indexOfKey = new Map<string, number>();
  /** Compacted topics: every record before this offset is the newest of its key. */
  #compactedTo = 0;

  constructor(spec: TopicSpec) {
    this.#cleanup = spec.cleanup;
    this.retentionMs = spec.retentionMs;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get beginOffset(): number {
    return this.#firstIndex < this.#records.length ? this.#offsetAt(this.#firstIndex) : this.#endOffset;
  }

  /** Of compacted topics, what is superseded goes at once, or with a later `clean` if it lies at or after `neededFrom`. */
  append(record: NewRecord, neededFrom: number): void {
    const { topic, partition, key, value, timeMs } = record;
    if (this.#cleanup === 'compact') {
      const older = this.#indexOfKey.get(key);
      if (older !== undefined) this.#supersede(older, neededFrom);
      this.#indexOfKey.set(key, this.#records.length);
    }
    const offset = this.#endOffset++;
    this.#records.push({ topic, partition, key, value, timeMs, offset });
    this.#offsets?.push(offset);
    if (timeMs > this.#newestTimeMs) this.#newestTimeMs = timeMs;
  }

  #supersede(index: number, neededFrom: number): void {
    const offset = this.#offsetAt(index);
    if (offset >= this.#compactedTo) return;
    if (offset < neededFrom) this.#remove(index);
    else this.#compactedTo = offset;
  }

  /** Removes what retention or compaction need not keep, but nothing from `neededFrom` on. */
  clean(neededFrom: number): void {
    if (this.#cleanup === 'compact') this.#compact(neededFrom);
    else if (this.retentionMs !== Infinity) this.#expire(neededFrom);
  }

  #compact(neededFrom: number): void {
    const to = Math.min(neededFrom, this.#endOffset);
    for (
      let i = this.#indexFrom(this.#compactedTo);
      i < this.#records.length && this.#offsetAt(i) < to;
      i++
    ) {
      const record = this.#records[i];
      if (record && this.#indexOfKey.get(record.key) !== i) this.#drop(i);
    }
    this.#compactedTo = Math.max(this.#compactedTo, to);
    this.#rebuild();
  }

  #expire(neededFrom: number): void {
    const keptFromMs = this.#newestTimeMs - this.retentionMs;
    while (this.#firstIndex < this.#records.length) {
      const record = this.#records[this.#firstIndex];
      if (record && (record.timeMs >= keptFromMs || record.offset >= neededFrom)) break;
      this.#remove(this.#firstIndex);
    }
  }

  /** Up to `recordsMax` records with offset in [fromOffset, toOffset). */
  slice(fromOffset: number, toOffset: number, recordsMax: number): LogRecord[] {
    const found: LogRecord[] = [];
    for (let i = this.#indexFrom(fromOffset); i < this.#records.length && found.length < recordsMax; i++) {
      const record = this.#records[i];
      if (!record) continue;
      if (record.offset >= toOffset) break;
      found.push(record);
    }
    return found;
  }

  #offsetAt(index: number): number {
    return this.#offsets ? (this.#offsets[index] as number) : index + this.#endOffset - this.#records.length;
  }

  /** First index whose offset is at least `offset`. */
  #indexFrom(offset: number): number {
    if (!this.#offsets) return Math.max(this.#firstIndex, offset - (this.#endOffset - this.#records.length));
    let low = this.#firstIndex;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#offsetAt(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #remove(index: number): void {
    this.#drop(index);
    this.#rebuild();
  }

  #drop(index: number): void {
    if (this.#records[index]) {
      this.#records[index] = null;
      this.#gapCount++;
    }
    while (this.#firstIndex < this.#records.length && this.#records[this.#firstIndex] === null)
      this.#firstIndex++;
  }

  #rebuild(): void {
    if (this.#gapCount < gapsBeforeRebuild || 2 * this.#gapCount < this.#records.length) return;
    this.#records = this.#records.filter((record) => record !== null);
    this.#gapCount = 0;
    this.#firstIndex = 0;
    if (this.#cleanup === 'delete') return; // removed from the front only: what is left is dense
    this.#offsets = this.#records.map((record) => (record as LogRecord).offset);
    this.#indexOfKey.clear();
    this.#records.forEach((record, index) => {
      this.#indexOfKey.set((record as LogRecord).key, index);
    });
  }
}
