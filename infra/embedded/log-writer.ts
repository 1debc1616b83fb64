import { Buffer } from 'node:buffer';
import { assert } from '../../domain/assert.js';
import { UserError, WorldError } from '../../domain/errors.js';
import type { Checkpoint, LogRecord, NewRecord, PartitionId, TopicSpec } from '../../domain/log.js';
import { Consumers } from '../log/consumers.js';
import type { GroupSource } from '../log/partition-source.js';
import { decideTopicChange, missingPartition, missingTopic } from '../log/topic-rules.js';
import { CommitQueue, type Prepared } from './commit-queue.js';
import { LmdbBatch } from './lmdb-batch.js';
import type { LmdbFolder } from './lmdb-folder.js';
import { type Bytes, databasesMax, openDatabase } from './lmdb-open.js';
import type { LmdbWriter } from './lmdb-writer.js';
import {
  type CatalogTopic,
  groupsEntry,
  readGroups,
  readTopics,
  sharedDatabaseNames,
  topicsEntry,
} from './log-catalog.js';
import {
  encodeNumbers,
  endOfNumbers,
  keyBytesMax,
  numberedKey,
  recordKeyBytesMax,
  recordsDatabase,
  textOfKey,
} from './log-layout.js';
import { EmbeddedPartition, type OpenDatabase } from './log-partition.js';

type LogChange =
  | { readonly kind: 'append'; readonly records: readonly NewRecord[] }
  | {
      readonly kind: 'checkpoint';
      readonly group: string;
      readonly partition: PartitionId;
      readonly checkpoint: Checkpoint;
    }
  | { readonly kind: 'remove'; readonly partition: EmbeddedPartition };

interface OpenTopic extends CatalogTopic {
  readonly partitions: readonly EmbeddedPartition[];
}

type SharedName = (typeof sharedDatabaseNames)[number];

/** The writing half of the embedded log: offsets, group commit, compaction, retention, and who consumes. */
export class EmbeddedLogWriter implements GroupSource {
  readonly consumers = new Consumers(this);
  readonly #folder: LmdbFolder;
  readonly #writer: LmdbWriter;
  readonly #queue: CommitQueue<LogChange>;
  readonly #shared: Readonly<Record<SharedName, OpenDatabase>>;
  /** Handles for reading, by name. */
  readonly #databases = new Map<string, Bytes>();
  #topics = new Map<string, OpenTopic>();
  #groups: Map<string, number>;
  #finishing = false;

  static async open(folder: LmdbFolder, writer: LmdbWriter): Promise<EmbeddedLogWriter> {
    const opened = await openDatabases(folder, writer, sharedDatabaseNames);
    const shared = Object.fromEntries(
      sharedDatabaseNames.map((name, index) => [name, opened[index] as OpenDatabase]),
    ) as Record<SharedName, OpenDatabase>;
    const log = new EmbeddedLogWriter(folder, writer, shared);
    await log.#openTopics(readTopics(shared.meta.database).values());
    return log;
  }

  private constructor(
    folder: LmdbFolder,
    writer: LmdbWriter,
    shared: Readonly<Record<SharedName, OpenDatabase>>,
  ) {
    this.#folder = folder;
    this.#writer = writer;
    this.#shared = shared;
    this.#groups = readGroups(shared.meta.database);
    for (const name of sharedDatabaseNames) this.#databases.set(name, shared[name].database);
    this.#queue = new CommitQueue(writer, (changes, batch) => this.#prepare(changes, batch));
  }

  ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    return this.#queue.alone(async () => {
      const topics = new Map<string, CatalogTopic>(this.#topics);
      let nextId = Math.max(0, ...[...topics.values()].map(({ id }) => id + 1));
      let databaseCount: number = sharedDatabaseNames.length;
      for (const spec of specs) {
        const existing = topics.get(spec.name);
        if (decideTopicChange(existing?.spec, spec) !== 'unchanged')
          topics.set(spec.name, { id: existing?.id ?? nextId++, spec });
      }
      for (const { spec } of topics.values()) databaseCount += spec.partitionCount;
      if (databaseCount > databasesMax)
        throw new UserError(
          `the embedded log holds at most ${databasesMax - sharedDatabaseNames.length} partitions over all ` +
            `topics, ${databaseCount - sharedDatabaseNames.length} are wanted: use fewer, or Kafka`,
        );
      const batch = new LmdbBatch(0);
      const { key, value } = topicsEntry(topics.values());
      batch.put(this.#shared.meta.number, key, value);
      await this.#writer.commit(batch);
      await this.#openTopics(topics.values());
    });
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (records.length === 0) return;
    const bytes = this.#checkRecords(records);
    await this.#queue.add({ kind: 'append', records }, bytes);
  }

  async commit(group: string, partition: PartitionId, checkpoint: Checkpoint): Promise<void> {
    let bytes = this.#checkRecords(checkpoint.outputs);
    for (const { key, value } of checkpoint.state) {
      checkKey(key, keyBytesMax, `a state entry of group "${group}"`);
      bytes += key.length + (value?.length ?? 0);
    }
    await this.#queue.add({ kind: 'checkpoint', group, partition, checkpoint }, bytes);
  }

  database(name: string): Bytes | undefined {
    return this.#databases.get(name);
  }

  /** Stops the consumers and waits for what is under way. */
  async finish(): Promise<void> {
    await this.consumers.close();
    this.#finishing = true;
    await this.#queue.drained();
  }

  partitionCount(topic: string): number {
    return this.#topic(topic).partitions.length;
  }

  bounds(partition: PartitionId): { readonly beginOffset: number; readonly endOffset: number } {
    return this.#partition(partition);
  }

  readBatch(partition: PartitionId, fromOffset: number, recordsMax: number): readonly LogRecord[] {
    return this.#partition(partition).read(fromOffset, recordsMax);
  }

  committedOffset(group: string, partition: PartitionId): number | undefined {
    return this.#partition(partition).committed.get(group);
  }

  committedOffsets(partition: PartitionId): ReadonlyMap<string, number> {
    return this.#partition(partition).committed;
  }

  *stateOf(
    group: string,
    partition: PartitionId,
  ): Generator<{ readonly key: string; readonly value: Buffer }> {
    const numbers = this.#groupKey(group, partition);
    if (!numbers) return;
    const range = { start: numberedKey(numbers), end: endOfNumbers(numbers) };
    for (const { key, value } of this.#shared.state.database.getRange(range))
      yield { key: textOfKey(key, numbers.length), value };
  }

  #prepare(changes: readonly LogChange[], batch: LmdbBatch): Prepared {
    const touched = new Set<EmbeddedPartition>();
    const groups = new Map(this.#groups);
    for (const one of changes)
      if (one.kind === 'checkpoint')
        this.#partition(one.partition).prepareCommitted(one.group, one.checkpoint.nextOffset);
    for (const one of changes) {
      if (one.kind === 'remove') this.#touch(one.partition, touched);
      else if (one.kind === 'append') this.#prepareRecords(one.records, batch, touched);
      else {
        // What this group was the last to pass may go.
        this.#touch(this.#partition(one.partition), touched);
        this.#prepareRecords(one.checkpoint.outputs, batch, touched);
        this.#prepareGroup(one.group, one.partition, one.checkpoint, batch, groups);
      }
    }
    for (const partition of touched) partition.prepareEnd(batch);
    if (groups.size > this.#groups.size) {
      const { key, value } = groupsEntry(groups);
      batch.put(this.#shared.meta.number, key, value);
    }
    return {
      apply: () => {
        this.#groups = groups;
        this.#folder.root.resetReadTxn();
        for (const partition of touched) {
          const { endOffset } = partition;
          partition.apply();
          if (partition.endOffset > endOffset) this.consumers.notify(partition.id);
          if (partition.hasMoreToRemove) this.#removeLater(partition);
        }
      },
      revert: () => {
        for (const partition of touched) {
          partition.revert();
          partition.forgetOldest();
        }
      },
    };
  }

  #prepareRecords(records: readonly NewRecord[], batch: LmdbBatch, touched: Set<EmbeddedPartition>): void {
    for (const record of records) {
      const partition = this.#partition(record);
      this.#touch(partition, touched);
      partition.prepareAppend(batch, record);
    }
  }

  #touch(partition: EmbeddedPartition, touched: Set<EmbeddedPartition>): void {
    if (touched.has(partition)) return;
    touched.add(partition);
    partition.prepareBegin(this.consumers.neededFrom(partition.id, partition.nextCommitted));
  }

  #prepareGroup(
    group: string,
    id: PartitionId,
    checkpoint: Checkpoint,
    batch: LmdbBatch,
    groups: Map<string, number>,
  ): void {
    const groupId = groups.get(group) ?? groups.size;
    groups.set(group, groupId);
    const numbers = [groupId, this.#topic(id.topic).id, id.partition];
    batch.put(this.#shared.offsets.number, numberedKey(numbers), encodeNumbers(checkpoint.nextOffset));
    for (const { key, value } of checkpoint.state)
      if (value === null) batch.remove(this.#shared.state.number, numberedKey(numbers, key));
      else batch.put(this.#shared.state.number, numberedKey(numbers, key), value);
  }

  /** In bounded pieces, between the commits of others. A failure leaves the rest to the next append. */
  #removeLater(partition: EmbeddedPartition): void {
    if (this.#finishing) return;
    void this.#queue.add({ kind: 'remove', partition }, 0).catch(() => {});
  }

  async #openTopics(topics: Iterable<CatalogTopic>): Promise<void> {
    const opened = new Map<string, OpenTopic>();
    for (const { id, spec } of topics) {
      const open = this.#topics.get(spec.name);
      for (const partition of open?.partitions ?? []) partition.spec = spec;
      opened.set(spec.name, {
        id,
        spec,
        partitions: open?.partitions ?? (await this.#openPartitions(id, spec)),
      });
    }
    this.#topics = opened;
    for (const { partitions } of opened.values())
      for (const partition of partitions) this.#removeLater(partition);
  }

  async #openPartitions(topicId: number, spec: TopicSpec): Promise<EmbeddedPartition[]> {
    const names = Array.from({ length: spec.partitionCount }, (_, index) => recordsDatabase(topicId, index));
    const records = await openDatabases(this.#folder, this.#writer, names);
    names.forEach((name, index) => {
      this.#databases.set(name, (records[index] as OpenDatabase).database);
    });
    return records.map((database, partition) => {
      const committed = this.#readCommitted(topicId, partition);
      const id = { topic: spec.name, partition };
      return new EmbeddedPartition(id, topicId, spec, database, this.#shared, committed);
    });
  }

  #readCommitted(topicId: number, partition: number): Map<string, number> {
    const committed = new Map<string, number>();
    for (const [group, groupId] of this.#groups) {
      const found = this.#shared.offsets.database.get(numberedKey([groupId, topicId, partition]));
      if (found) committed.set(group, found.readDoubleLE(0));
    }
    return committed;
  }

  /** Refuses what could not be written, before it waits in the queue with others; returns the size. */
  #checkRecords(records: readonly NewRecord[]): number {
    let bytes = 0;
    for (const record of records) {
      const { spec } = this.#partition(record);
      checkKey(
        record.key,
        spec.cleanup === 'compact' ? keyBytesMax : recordKeyBytesMax,
        `a record of topic "${record.topic}"`,
      );
      bytes += record.key.length + record.value.length;
    }
    return bytes;
  }

  #groupKey(group: string, partition: PartitionId): [number, number, number] | undefined {
    const groupId = this.#groups.get(group);
    return groupId === undefined
      ? undefined
      : [groupId, this.#topic(partition.topic).id, partition.partition];
  }

  #topic(name: string): OpenTopic {
    const topic = this.#topics.get(name);
    if (!topic) throw missingTopic(name);
    return topic;
  }

  #partition(id: PartitionId): EmbeddedPartition {
    const topic = this.#topic(id.topic);
    const partition = topic.partitions[id.partition];
    if (!partition) throw missingPartition(id, topic.spec.partitionCount);
    return partition;
  }
}

function checkKey(key: string, bytesMax: number, what: string): void {
  // A code unit is at most three bytes of UTF-8: most keys need no counting.
  if (3 * key.length <= bytesMax) return;
  const bytes = Buffer.byteLength(key);
  if (bytes > bytesMax)
    throw new WorldError(
      'too-large',
      `the key of ${what} has ${bytes} bytes, at most ${bytesMax} are possible: ${key.slice(0, 60)}…`,
      { retryable: false },
    );
}

/** Creates databases in the writer's thread and opens them here. No commit may be under way. */
async function openDatabases(
  folder: LmdbFolder,
  writer: LmdbWriter,
  names: readonly string[],
): Promise<OpenDatabase[]> {
  const numbers = await writer.openDatabases(names);
  folder.root.resetReadTxn();
  return names.map((name, index) => {
    const database = openDatabase(folder.root, name);
    assert(database, `database ${name} to exist`);
    return { database, number: numbers[index] as number };
  });
}
