/**
 * The log: Kafka, or the embedded one, behind one port. Topics have partitions; a partition keeps its order and
 * numbers its records from 0, never re-using an offset. Delivery is at least once; what a stage writes at a
 * checkpoint carries the offset it includes, so that its effects happen once.
 */
import type { Buffer } from 'node:buffer';

export interface TopicSpec {
  readonly name: string;
  readonly partitionCount: number;
  /**
   * `compact`: the newest record per key is kept forever, older ones until every group has passed them; `delete`:
   * records older than `retentionMs` may go.
   */
  readonly cleanup: 'compact' | 'delete';
  /** For `delete`: age of a record's timeMs after which it may be removed. Infinity keeps all. */
  readonly retentionMs: number;
}

export interface NewRecord {
  readonly topic: string;
  readonly partition: number;
  /** Compaction key; for topics of machines it starts with the machine id. */
  readonly key: string;
  readonly value: Buffer;
  /** Plant time of the record: what retention goes by. */
  readonly timeMs: number;
}

export interface LogRecord extends NewRecord {
  readonly offset: number;
}

export interface PartitionId {
  readonly topic: string;
  readonly partition: number;
}

/** What a stage has done with its input up to `nextOffset`, made durable as one. */
export interface Checkpoint {
  /** First offset not yet included. */
  readonly nextOffset: number;
  readonly outputs: readonly NewRecord[];
  /** Changes of the state entries of this (group, partition), in their order; a null value deletes the entry. */
  readonly state: readonly StateEntry[];
}

export interface StateEntry {
  readonly key: string;
  readonly value: Buffer | null;
}

/** Records of one partition, in order, ascending offsets (gaps where compaction or retention removed some). */
export interface Batch extends PartitionId {
  readonly records: readonly LogRecord[];
}

/**
 * One partition's worth of a stage. The consumer calls `restore` once after gaining the partition, then
 * `process` for each batch, one at a time, and `close` when the partition is lost or the consumer stops.
 */
export interface PartitionHandler {
  /**
   * Called before `restore` where the group has no checkpoint of the partition yet. What it returns is made durable
   * first: where the group begins (not behind `endOffset`), and with what state.
   */
  join?(bounds: { readonly beginOffset: number; readonly endOffset: number }): Checkpoint;
  /** All entries of the state that the last checkpoint left, in any order. */
  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void;
  /**
   * Handles a batch and returns what to make durable, or null to go on without a checkpoint (what it has done is
   * then repeated after a crash, from the last checkpoint's nextOffset). A rejection stops the consumer: no
   * record is skipped.
   */
  process(batch: Batch): Promise<Checkpoint | null>;
  /**
   * Asked before `close` where nothing has failed: what has been done since the last checkpoint, or null. A stage
   * that makes no checkpoint for some batches saves the next start their repetition with it.
   */
  finish?(): Checkpoint | null;
  close(): void;
}

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Upper bound of records in a batch. */
  readonly batchRecordsMax: number;
  /** Where a group without a committed offset begins. */
  readonly from: 'beginning' | 'end';
  /** Topics whose records may wait, a second at most, while other consumers of this process have something to do. */
  readonly topicsThatCanWait?: readonly string[];
  /** Of the batches of this process that could begin, those of the greatest urgency do first; default 0. */
  readonly urgency?: number;
  handlerFor(partition: PartitionId): PartitionHandler;
}

export interface Consumer {
  /**
   * Stops after the batches in hand; idempotent. With `drain`, first waits until every record that the log
   * held when close was called has been processed.
   */
  close(options?: { readonly drain?: boolean }): Promise<void>;
  /** Settles when the consumer has stopped: resolves after close, rejects with what stopped it. */
  readonly done: Promise<void>;
}

export interface PartitionStatus extends PartitionId {
  /** Oldest offset still readable. */
  readonly beginOffset: number;
  /** Offset that the next record will get. */
  readonly endOffset: number;
}

export interface Log {
  /**
   * True where offsets are also spent on what is no record (Kafka marks the ends of transactions): the distance of two
   * offsets is then at least the number of records between them, and not that number.
   */
  readonly sparseOffsets?: boolean;
  /** Creates what is missing. A topic that exists with other partitions is a UserError. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /**
   * Appends in order (per partition) and resolves when every record is durable. Concurrent calls are grouped into
   * one commit. Rejects with WorldError; then none or some of the records may have been written.
   */
  append(records: readonly NewRecord[]): Promise<void>;
  consume(options: ConsumerOptions): Consumer;
  /** Reads without a group: records with offset in [fromOffset, toOffset), oldest first. */
  read(partition: PartitionId, fromOffset: number, toOffset?: number): AsyncIterable<LogRecord>;
  status(topic: string): Promise<readonly PartitionStatus[]>;
  /** First offset of the partition that the group has not included in a checkpoint; undefined before its first. */
  committed(group: string, partition: PartitionId): Promise<number | undefined>;
  /**
   * State entries of a (group, partition), as `restore` would get them, all of one checkpoint: for inspection (ledger,
   * doctor). With `keyPrefix`, those whose key begins with it, without reading the others.
   */
  state(
    group: string,
    partition: PartitionId,
    keyPrefix?: string,
  ): AsyncIterable<{ readonly key: string; readonly value: Buffer }>;
  /** Finishes appends under way, then closes; idempotent. Later calls reject with WorldError 'closed'. */
  close(): Promise<void>;
}
