/**
 * The checkpoints of one (group, partition): outputs, state and offset in one transaction of Kafka, under a
 * transactional id that belongs to the partition. Whoever takes the partition over takes the id over, and Kafka refuses
 * the earlier one from then on, whatever it believes (docs/decisions/0008-kafka.md).
 */
import { randomUUID } from 'node:crypto';
import type { Checkpoint, PartitionId } from '../../domain/log.js';
import { address } from './append-queue.js';
import type { KafkaClient } from './client.js';
import { classifyKafkaError, isFenced } from './errors.js';
import type { Names } from './names.js';
import { KafkaProducer, type ProducerOptions } from './producer.js';
import { partitionName } from './records.js';
import {
  checkpointRecords,
  type OffsetRecord,
  readLastOffset,
  StateReader,
  type StateSnapshot,
} from './state-topic.js';

/** Another member of the group has the partition: what was done since the last checkpoint is void. */
export class LostPartition extends Error {
  override readonly name = 'LostPartition';

  constructor(group: string, id: PartitionId) {
    super(`group "${group}" has given ${partitionName(id)} to another member`);
  }
}

export interface CheckpointsOptions {
  readonly client: KafkaClient;
  readonly names: Names;
  readonly group: string;
  /** As the port names it. */
  readonly partition: PartitionId;
  readonly producer: ProducerOptions;
  /** Makes the state topic where it is missing; it says whether it was there. */
  stateTopicExists(): Promise<boolean>;
  makeStateTopic(): Promise<void>;
  /** Resolves when the group has said that we still belong to it. */
  confirmed(): Promise<void>;
}

const nothing: StateSnapshot = { entries: new Map(), offset: undefined };

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #stateId: PartitionId;
  readonly #writer = randomUUID();
  #producer: KafkaProducer | undefined;
  /** The newest offset record that is known to be durable. */
  #durable: OffsetRecord | undefined;
  /** A transaction that may or may not have been committed. */
  #uncertain: OffsetRecord | undefined;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
    const { names, group, partition } = options;
    this.#stateId = { topic: names.stateTopic(group, partition.topic), partition: partition.partition };
  }

  /**
   * Takes the partition over: nothing of an earlier owner can come any more, and what it has left is given back. A group
   * without a checkpoint leaves no trace in the cluster until its first.
   */
  async open(): Promise<StateSnapshot> {
    if (!(await this.#options.stateTopicExists())) return nothing;
    await this.#takeOver();
    const snapshot = await new StateReader(this.#options.client, this.#stateId).read();
    this.#durable = snapshot.offset;
    return snapshot;
  }

  /**
   * Resolves when the checkpoint is durable. Rejects with LostPartition, or with a WorldError: offered again, the same
   * checkpoint is written only if it is not there yet.
   */
  async commit(checkpoint: Checkpoint): Promise<void> {
    try {
      await this.#commit(checkpoint);
    } catch (error) {
      if (error instanceof LostPartition) throw error;
      throw classifyKafkaError(error, `a checkpoint of group "${this.#options.group}"`);
    }
  }

  async #commit(checkpoint: Checkpoint): Promise<void> {
    if (this.#uncertain && (await this.#isThere(this.#uncertain))) return;
    const producer = this.#producer ?? (await this.#first());
    const { names } = this.#options;
    const sequence = this.#durable?.writer === this.#writer ? this.#durable.sequence + 1 : 1;
    const offset: OffsetRecord = { nextOffset: checkpoint.nextOffset, writer: this.#writer, sequence };
    const outputs = checkpoint.outputs.map((record) => address(record, names));
    this.#uncertain = offset;
    try {
      await producer.transact([...outputs, ...checkpointRecords(this.#stateId, checkpoint.state, offset)]);
    } catch (error) {
      throw isFenced(error) ? this.#lost() : error;
    }
    this.#durable = offset;
    this.#uncertain = undefined;
  }

  /** Decides the fate of a transaction whose end was not heard of. */
  async #isThere(offset: OffsetRecord): Promise<boolean> {
    // Who takes a transactional id must be a member: else two would take it from each other again and again.
    await this.#options.confirmed();
    await this.#takeOver();
    const last = await readLastOffset(this.#options.client, this.#stateId);
    const isThere = isSame(last, offset);
    if (!isThere && !isSame(last, this.#durable)) throw this.#lost();
    this.#durable = last;
    this.#uncertain = undefined;
    return isThere;
  }

  async #first(): Promise<KafkaProducer> {
    await this.#options.makeStateTopic();
    const producer = await this.#takeOver();
    if (await readLastOffset(this.#options.client, this.#stateId)) throw this.#lost();
    return producer;
  }

  async #takeOver(): Promise<KafkaProducer> {
    const { client, names, group, partition } = this.#options;
    this.#producer ??= new KafkaProducer(client, {
      ...this.#options.producer,
      transactionalId: names.transactionalId(group, partition),
    });
    await this.#producer.begin();
    return this.#producer;
  }

  #lost(): LostPartition {
    return new LostPartition(this.#options.group, this.#options.partition);
  }
}

function isSame(a: OffsetRecord | undefined, b: OffsetRecord | undefined): boolean {
  return a?.writer === b?.writer && a?.sequence === b?.sequence;
}
