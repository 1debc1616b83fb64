import type { Buffer } from 'node:buffer';
import { WorldError } from '../../domain/errors.js';
import type { Checkpoint, ConsumerOptions, LogRecord, PartitionId } from '../../domain/log.js';
import type { PartitionSource } from '../log/partition-source.js';
import type { Checkpoints } from './checkpoints.js';
import type { Bounds, KafkaClient } from './client.js';
import type { Fetchable } from './fetcher.js';
import { type Fetched, fromWire, partitionName } from './records.js';

export interface KafkaPartitionOptions {
  readonly client: KafkaClient;
  /** As the port names it, and as the cluster does. */
  readonly partition: PartitionId;
  readonly kafkaPartition: PartitionId;
  readonly consumer: Pick<ConsumerOptions, 'group' | 'from' | 'batchRecordsMax'>;
  readonly checkpoints: Checkpoints;
  /** There are new records, or the end of the log has been reached. */
  onRecords(): void;
  /** Room for more. */
  onHungry(): void;
  /** A checkpoint cannot be made durable for now; null when it can again. */
  onProblem(problem: WorldError | null): void;
  onFailure(error: unknown): void;
  /** Something that people should know; the consumer goes on. */
  onNotice(sentence: string): void;
}

/**
 * A batch holds no more bytes of records than this, or one record: nothing else is done meanwhile. Nor much less while there is
 * more, since a checkpoint, which costs Kafka a transaction, mostly follows each.
 */
const batchBytesMax = 1_048_576;
/** Batches that wait in memory at most, besides the answer to one request. */
const waitingBatchesMax = 2;

/** One partition in the hands of one consumer: what has been fetched of it, and its checkpoints. */
export class KafkaPartition implements PartitionSource, Fetchable {
  readonly id: PartitionId;
  readonly #options: KafkaPartitionOptions;
  #waiting: LogRecord[] = [];
  #waitingBytes = 0;
  #fetchOffset: number;
  readonly #bounds: Bounds;
  #committed: number | undefined;
  /** Until it is restored. */
  #state: ReadonlyMap<string, Buffer> | undefined;

  /** Takes the partition over from whoever had it. */
  static async open(options: KafkaPartitionOptions): Promise<KafkaPartition> {
    const { client, kafkaPartition, checkpoints } = options;
    const { entries, offset } = await checkpoints.open();
    const bounds = await client.boundsOf(kafkaPartition);
    return new KafkaPartition(options, bounds, entries, offset?.nextOffset);
  }

  private constructor(
    options: KafkaPartitionOptions,
    bounds: Bounds,
    state: ReadonlyMap<string, Buffer>,
    committed: number | undefined,
  ) {
    this.#options = options;
    this.id = options.kafkaPartition;
    this.#bounds = bounds;
    this.#state = state;
    this.#committed = committed;
    this.#fetchOffset =
      committed ?? (options.consumer.from === 'beginning' ? bounds.beginOffset : bounds.endOffset);
  }

  get hungry(): boolean {
    const { batchRecordsMax } = this.#options.consumer;
    return (
      this.#state === undefined &&
      this.#waiting.length < waitingBatchesMax * batchRecordsMax &&
      this.#waitingBytes < waitingBatchesMax * batchBytesMax
    );
  }

  get fetchOffset(): number {
    return this.#fetchOffset;
  }

  take({ messages, nextOffset }: Fetched): void {
    const { topic, partition } = this.#options.partition;
    for (const message of messages) {
      this.#waiting.push(fromWire(topic, partition, message));
      this.#waitingBytes += message.value?.length ?? 0;
    }
    const moved = nextOffset > this.#fetchOffset;
    this.#fetchOffset = nextOffset;
    if (moved) this.#options.onRecords();
  }

  async outOfRange(): Promise<void> {
    const { client, consumer, partition, onNotice } = this.#options;
    const { beginOffset, endOffset } = await client.boundsOf(this.id);
    if (this.#fetchOffset > endOffset)
      throw new WorldError(
        'corrupt',
        `${partitionName(partition)} ends at ${endOffset}, but group "${consumer.group}" has read it up to ` +
          `${this.#fetchOffset}: the topic was made anew, or has lost records. Reset the group's state to go on.`,
        { retryable: false },
      );
    if (this.#fetchOffset >= beginOffset) return;
    onNotice(
      `${partitionName(partition)} begins at ${beginOffset} now: ${beginOffset - this.#fetchOffset} records went by ` +
        `retention before group "${consumer.group}" had read them; use a longer log.retentionMs`,
    );
    this.#fetchOffset = beginOffset;
  }

  fail(error: unknown): void {
    this.#options.onFailure(error);
  }

  bounds(): Bounds {
    return this.#state ? this.#bounds : { ...this.#bounds, endOffset: this.#fetchOffset };
  }

  readBatch(_: PartitionId, fromOffset: number, recordsMax: number): readonly LogRecord[] {
    const batch: LogRecord[] = [];
    let bytes = 0;
    let end = 0;
    for (; end < this.#waiting.length && batch.length < recordsMax && bytes < batchBytesMax; end++) {
      const record = this.#waiting[end] as LogRecord;
      this.#waitingBytes -= record.value.length;
      if (record.offset < fromOffset) continue;
      batch.push(record);
      bytes += record.value.length;
    }
    this.#waiting = this.#waiting.slice(end);
    if (this.hungry) this.#options.onHungry();
    return batch;
  }

  committedOffset(): number | undefined {
    return this.#committed;
  }

  *stateOf(): Generator<{ readonly key: string; readonly value: Buffer }> {
    for (const [key, value] of this.#state ?? []) yield { key, value };
  }

  /** From here on records are wanted. */
  restored(): void {
    this.#state = undefined;
    this.#options.onHungry();
  }

  async commit(_group: string, _partition: PartitionId, checkpoint: Checkpoint): Promise<void> {
    try {
      await this.#options.checkpoints.commit(checkpoint);
    } catch (error) {
      if (error instanceof WorldError) this.#options.onProblem(error);
      throw error;
    }
    this.#options.onProblem(null);
    this.#committed = checkpoint.nextOffset;
    // What a group makes durable when it joins says where it begins, and with what.
    if (!this.#state) return;
    this.#fetchOffset = checkpoint.nextOffset;
    this.#state = new Map(
      checkpoint.state.flatMap(({ key, value }) => (value ? [[key, value] as const] : [])),
    );
  }
}
