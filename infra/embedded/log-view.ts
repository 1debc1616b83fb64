import type { Buffer } from 'node:buffer';
import type { LogRecord, PartitionId, PartitionStatus } from '../../domain/log.js';
import { missingPartition, missingTopic } from '../log/topic-rules.js';
import type { Bytes, BytesRoot } from './lmdb-open.js';
import { type CatalogTopic, readGroups, readTopics } from './log-catalog.js';
import { endOfNumbers, numberedKey, recordsDatabase, textOfKey } from './log-layout.js';
import { beginOffset, readRecords } from './log-partition.js';

/** Records that `read` takes from LMDB at a time. */
const readChunkRecords = 500;

/**
 * What the folder of a log says right now: for inspection, in any thread. It holds no position in memory, so it
 * sees what the writer has written since.
 */
export class LogView {
  readonly #root: BytesRoot;
  readonly #open: (name: string) => Bytes | undefined;
  readonly #databases = new Map<string, Bytes>();

  /** `open` finds a database of the folder; undefined while it does not exist. */
  constructor(root: BytesRoot, open: (name: string) => Bytes | undefined) {
    this.#root = root;
    this.#open = open;
  }

  async *read(id: PartitionId, fromOffset: number, toOffset?: number): AsyncGenerator<LogRecord> {
    this.#root.resetReadTxn();
    const topic = this.#topic(id);
    const endOffset = Math.min(toOffset ?? Infinity, this.#endOffset(topic, id.partition));
    for (let position = fromOffset; position < endOffset; ) {
      const records = this.#records(topic, id.partition);
      const chunk = records ? readRecords(records, id, position, endOffset, readChunkRecords) : [];
      const last = chunk[chunk.length - 1];
      if (!last) return;
      yield* chunk;
      position = last.offset + 1;
    }
  }

  status(name: string): PartitionStatus[] {
    this.#root.resetReadTxn();
    const topic = this.#topic({ topic: name, partition: 0 });
    return Array.from({ length: topic.spec.partitionCount }, (_, partition) => {
      const endOffset = this.#endOffset(topic, partition);
      const records = this.#records(topic, partition);
      return {
        topic: name,
        partition,
        beginOffset: records ? beginOffset(records, endOffset) : endOffset,
        endOffset,
      };
    });
  }

  committed(group: string, id: PartitionId): number | undefined {
    this.#root.resetReadTxn();
    const key = this.#groupKey(group, id);
    return key && this.#database('offsets')?.get(numberedKey(key))?.readDoubleLE(0);
  }

  *state(
    group: string,
    id: PartitionId,
    keyPrefix: string,
  ): Generator<{ readonly key: string; readonly value: Buffer }> {
    this.#root.resetReadTxn();
    const key = this.#groupKey(group, id);
    const state = this.#database('state');
    if (!key || !state) return;
    for (const entry of state.getRange({ start: numberedKey(key, keyPrefix), end: endOfNumbers(key) })) {
      const text = textOfKey(entry.key, key.length);
      if (!text.startsWith(keyPrefix)) return;
      yield { key: text, value: entry.value };
    }
  }

  #topic(id: PartitionId): CatalogTopic {
    const meta = this.#database('meta');
    const topic = meta && readTopics(meta).get(id.topic);
    if (!topic) throw missingTopic(id.topic);
    if (!(id.partition >= 0 && id.partition < topic.spec.partitionCount))
      throw missingPartition(id, topic.spec.partitionCount);
    return topic;
  }

  #groupKey(group: string, id: PartitionId): [number, number, number] | undefined {
    const meta = this.#database('meta');
    const groupId = meta && readGroups(meta).get(group);
    return groupId === undefined ? undefined : [groupId, this.#topic(id).id, id.partition];
  }

  #endOffset(topic: CatalogTopic, partition: number): number {
    return (
      this.#database('partitions')
        ?.get(numberedKey([topic.id, partition]))
        ?.readDoubleLE(0) ?? 0
    );
  }

  #records(topic: CatalogTopic, partition: number): Bytes | undefined {
    return this.#database(recordsDatabase(topic.id, partition));
  }

  #database(name: string): Bytes | undefined {
    const known = this.#databases.get(name);
    if (known) return known;
    const found = this.#open(name);
    if (found) this.#databases.set(name, found);
    return found;
  }
}
