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
  /** Compacted topics: offsets of records that a newer one replaces and that a consumer may still need. */
  #superseded: number[] = [];
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

  append(record: NewRecord): void {
    const offset = this.#endOffset++;
    const { topic, partition, key, value, timeMs } = record;
    if (this.#cleanup === 'compact') {
      const older = this.#indexOfKey.get(key);
      if (older !== undefined) this.#superseded.push((this.#records[older] as LogRecord).offset);
      this.#indexOfKey.set(key, this.#records.length);
    }
    this.#records.push({ topic, partition, key, value, timeMs, offset });
    this.#offsets?.push(offset);
    if (timeMs > this.#newestTimeMs) this.#newestTimeMs = timeMs;
  }

  /** Removes what is superseded or older than the retention, but nothing from `neededFrom` on. */
  expire(neededFrom: number): void {
    this.#compact(neededFrom);
    if (this.#cleanup !== 'delete' || this.retentionMs === Infinity) return;
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

  #compact(neededFrom: number): void {
    // Looking through all of them is worth it when the consumers have come on by as much.
    this.#compactedTo = Math.min(this.#compactedTo, neededFrom);
    if (this.#superseded.length === 0 || neededFrom - this.#compactedTo < this.#superseded.length / 8) return;
    this.#compactedTo = neededFrom;
    const passed = this.#superseded.filter((offset) => offset < neededFrom);
    this.#superseded = this.#superseded.filter((offset) => offset >= neededFrom);
    for (const offset of passed) this.#remove(this.#indexFrom(offset));
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
    if (this.#records[index]) {
      this.#records[index] = null;
      this.#gapCount++;
    }
    while (this.#firstIndex < this.#records.length && this.#records[this.#firstIndex] === null)
      this.#firstIndex++;
    this.#rebuild();
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
