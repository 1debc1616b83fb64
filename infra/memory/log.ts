import type { Buffer } from 'node:buffer';
import type {
  Checkpoint,
  Consumer,
  ConsumerOptions,
  Log,
  LogRecord,
  NewRecord,
  PartitionId,
  PartitionStatus,
  TopicSpec,
} from '../../domain/log.js';
import { Consumers } from '../log/consumers.js';
import { type PartitionSource, partitionKey } from '../log/partition-source.js';
import { decideTopicChange, logClosed, missingPartition, missingTopic } from '../log/topic-rules.js';
import { MemoryPartition } from './log-partition.js';

interface Topic {
  spec: TopicSpec;
  readonly partitions: readonly MemoryPartition[];
}

/** What a (group, partition) has made durable. */
interface GroupState {
  nextOffset: number | undefined;
  readonly entries: Map<string, Buffer>;
}

/**
 * A log that lives in memory: for the backtest and for tests without a disk. Values are kept by reference, so
 * whoever appends gives them away. Durable means: until the object is gone.
 */
export class MemoryLog implements Log, PartitionSource {
  readonly #topics = new Map<string, Topic>();
  readonly #groups = new Map<string, Map<string, GroupState>>();
  readonly #consumers = new Consumers(this);
  #closing: Promise<void> | null = null;
  #closed = false;

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen();
    for (const spec of specs) {
      const existing = this.#topics.get(spec.name);
      if (decideTopicChange(existing?.spec, spec) === 'create') {
        const partitions = Array.from({ length: spec.partitionCount }, () => new MemoryPartition(spec));
        this.#topics.set(spec.name, { spec, partitions });
      } else if (existing) {
        existing.spec = spec;
        existing.partitions.forEach((partition, index) => {
          partition.retentionMs = spec.retentionMs;
          partition.expire(this.#neededFrom({ topic: spec.name, partition: index }));
        });
      }
    }
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    this.#assertOpen();
    this.#write(records);
  }

  consume(options: ConsumerOptions): Consumer {
    return this.#consumers.consume(options);
  }

  async *read(partition: PartitionId, fromOffset: number, toOffset?: number): AsyncGenerator<LogRecord> {
    this.#assertOpen();
    const found = this.#partition(partition);
    yield* found.slice(fromOffset, toOffset ?? found.endOffset, Infinity);
  }

  async status(topic: string): Promise<readonly PartitionStatus[]> {
    this.#assertOpen();
    return this.#topic(topic).partitions.map((found, partition) => ({
      topic,
      partition,
      beginOffset: found.beginOffset,
      endOffset: found.endOffset,
    }));
  }

  async committed(group: string, partition: PartitionId): Promise<number | undefined> {
    this.#assertOpen();
    return this.committedOffset(group, partition);
  }

  async *state(
    group: string,
    partition: PartitionId,
    keyPrefix = '',
  ): AsyncGenerator<{ readonly key: string; readonly value: Buffer }> {
    this.#assertOpen();
    yield* [...this.stateOf(group, partition)].filter(({ key }) => key.startsWith(keyPrefix));
  }

  close(): Promise<void> {
    this.#closing ??= this.#consumers.close().then(() => {
      this.#closed = true;
    });
    return this.#closing;
  }

  partitionCount(topic: string): number {
    this.#assertOpen();
    return this.#topic(topic).partitions.length;
  }

  bounds(partition: PartitionId): { readonly beginOffset: number; readonly endOffset: number } {
    return this.#partition(partition);
  }

  readBatch(partition: PartitionId, fromOffset: number, recordsMax: number): readonly LogRecord[] {
    return this.#partition(partition).slice(fromOffset, Infinity, recordsMax);
  }

  committedOffset(group: string, partition: PartitionId): number | undefined {
    return this.#groups.get(group)?.get(partitionKey(partition))?.nextOffset;
  }

  *stateOf(
    group: string,
    partition: PartitionId,
  ): Generator<{ readonly key: string; readonly value: Buffer }> {
    const entries = this.#groups.get(group)?.get(partitionKey(partition))?.entries;
    if (entries) for (const [key, value] of entries) yield { key, value };
  }

  async commit(group: string, partition: PartitionId, checkpoint: Checkpoint): Promise<void> {
    // Checks every output first, so that a checkpoint is taken whole or not at all.
    this.#write(checkpoint.outputs);
    let partitions = this.#groups.get(group);
    if (!partitions) {
      partitions = new Map();
      this.#groups.set(group, partitions);
    }
    let state = partitions.get(partitionKey(partition));
    if (!state) {
      state = { nextOffset: undefined, entries: new Map() };
      partitions.set(partitionKey(partition), state);
    }
    state.nextOffset = checkpoint.nextOffset;
    for (const { key, value } of checkpoint.state)
      if (value === null) state.entries.delete(key);
      else state.entries.set(key, value);
  }

  #write(records: readonly NewRecord[]): void {
    for (const record of records) this.#partition(record);
    const touched = new Map<MemoryPartition, PartitionId>();
    for (const record of records) {
      const partition = this.#partition(record);
      partition.append(record);
      if (!touched.has(partition)) touched.set(partition, record);
    }
    for (const [partition, id] of touched) {
      partition.expire(this.#neededFrom(id));
      this.#consumers.notify(id);
    }
  }

  /** Lowest offset that a consumer needs, or a group that has a checkpoint and may come back. */
  #neededFrom(partition: PartitionId): number {
    let lowest = this.#consumers.neededFrom(partition);
    for (const group of this.#groups.keys())
      lowest = Math.min(lowest, this.committedOffset(group, partition) ?? Infinity);
    return lowest;
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw missingTopic(name);
    return topic;
  }

  #partition(id: PartitionId): MemoryPartition {
    const topic = this.#topic(id.topic);
    const partition = topic.partitions[id.partition];
    if (!partition) throw missingPartition(id, topic.spec);
    return partition;
  }

  #assertOpen(): void {
    if (this.#closed || this.#closing) throw logClosed();
  }
}
