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
import { type GroupSource, partitionKey } from '../log/partition-source.js';
import { decideTopicChange, logClosed, missingPartition, missingTopic } from '../log/topic-rules.js';
import { MemoryPartition } from './log-partition.js';

interface Topic {
  spec: TopicSpec;
  readonly partitions: readonly MemoryPartition[];
}

const none: ReadonlyMap<string, number> = new Map();

/**
 * A log that lives in memory: for the backtest and for tests without a disk. Values are kept by reference, so
 * whoever appends gives them away. Durable means: until the object is gone.
 */
export class MemoryLog implements Log, GroupSource {
  readonly #topics = new Map<string, Topic>();
  /** By partition, then by group. */
  readonly #committed = new Map<string, Map<string, number>>();
  readonly #state = new Map<string, Map<string, Map<string, Buffer>>>();
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
          partition.clean(this.#consumers.neededFrom({ topic: spec.name, partition: index }));
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
    return this.committedOffsets(partition).get(group);
  }

  committedOffsets(partition: PartitionId): ReadonlyMap<string, number> {
    return this.#committed.get(partitionKey(partition)) ?? none;
  }

  *stateOf(
    group: string,
    partition: PartitionId,
  ): Generator<{ readonly key: string; readonly value: Buffer }> {
    const entries = this.#state.get(partitionKey(partition))?.get(group) ?? [];
    for (const [key, value] of entries) yield { key, value };
  }

  async commit(group: string, partition: PartitionId, checkpoint: Checkpoint): Promise<void> {
    // Checks every output first, so that a checkpoint is taken whole or not at all.
    this.#write(checkpoint.outputs);
    const key = partitionKey(partition);
    const committed = this.#committed.get(key) ?? new Map<string, number>();
    this.#committed.set(key, committed.set(group, checkpoint.nextOffset));
    const groups = this.#state.get(key) ?? new Map<string, Map<string, Buffer>>();
    const entries = groups.get(group) ?? new Map<string, Buffer>();
    this.#state.set(key, groups.set(group, entries));
    for (const entry of checkpoint.state)
      if (entry.value === null) entries.delete(entry.key);
      else entries.set(entry.key, entry.value);
    // What this group was the last to pass may go.
    this.#partition(partition).clean(this.#consumers.neededFrom(partition, committed));
  }

  #write(records: readonly NewRecord[]): void {
    for (const record of records) this.#partition(record);
    const touched = new Map<MemoryPartition, { readonly id: PartitionId; readonly neededFrom: number }>();
    for (const record of records) {
      const partition = this.#partition(record);
      let known = touched.get(partition);
      if (!known) {
        known = { id: record, neededFrom: this.#consumers.neededFrom(record) };
        touched.set(partition, known);
      }
      partition.append(record, known.neededFrom);
    }
    for (const [partition, { id, neededFrom }] of touched) {
      partition.clean(neededFrom);
      this.#consumers.notify(id);
    }
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw missingTopic(name);
    return topic;
  }

  #partition(id: PartitionId): MemoryPartition {
    const topic = this.#topic(id.topic);
    const partition = topic.partitions[id.partition];
    if (!partition) throw missingPartition(id, topic.spec.partitionCount);
    return partition;
  }

  #assertOpen(): void {
    if (this.#closed || this.#closing) throw logClosed();
  }
}
