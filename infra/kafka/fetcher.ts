import { setTimeout as sleep } from 'node:timers/promises';
import type { WorldError } from '../../domain/errors.js';
import type { PartitionId } from '../../domain/log.js';
import type { KafkaClient } from './client.js';
import { classifyKafkaError, protocolError } from './errors.js';
import { fetch } from './record-requests.js';
import { type Fetched, visibleOf } from './records.js';

/** A partition that wants records. */
export interface Fetchable {
  readonly id: PartitionId;
  /** Where to go on. */
  readonly fetchOffset: number;
  /** It has room for more. */
  readonly hungry: boolean;
  take(fetched: Fetched): void;
  /** `fetchOffset` is not in the log any more, or not yet; resolves when it is mended, rejects when it cannot be. */
  outOfRange(): Promise<void>;
  /** It cannot go on. */
  fail(error: unknown): void;
}

const partitionBytesMax = 1_048_576;
const responseBytesMax = 10_485_760;
/** How long a request waits at the broker for something to come; shorter while a partition may become hungry again. */
const waitMsIdle = 250;
const waitMsBusy = 10;
const retryMsFirst = 50;
const retryMsMax = 2_000;

/** Keeps the partitions of one consumer supplied: one request at a time to each broker that leads some of them. */
export class Fetcher {
  readonly #client: KafkaClient;
  readonly #onProblem: (error: WorldError | null) => void;
  readonly #partitions = new Set<Fetchable>();
  /** Brokers to which a loop is fetching. */
  readonly #running = new Map<number, Promise<void>>();
  #turn = 0;
  #finding = false;
  /** Something has changed since the search for work began. */
  #again = false;
  #closed = false;

  /** `onProblem` hears what fails and is tried again, and null when it works again. */
  constructor(client: KafkaClient, onProblem: (error: WorldError | null) => void) {
    this.#client = client;
    this.#onProblem = onProblem;
  }

  add(partition: Fetchable): void {
    this.#partitions.add(partition);
    this.wake();
  }

  remove(partition: Fetchable): void {
    this.#partitions.delete(partition);
  }

  /** A partition may be hungry again. */
  wake(): void {
    this.#again = true;
    if (!this.#finding) void this.#findWork();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#partitions.clear();
    await Promise.all(this.#running.values());
  }

  async #findWork(): Promise<void> {
    this.#finding = true;
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        for (const partition of this.#partitions)
          if (partition.hungry) this.#serve(await this.#client.requireLeader(partition.id));
      } catch (error) {
        this.#again = true;
        if (!this.#closed) await this.#recover(error, retryMsMax);
      }
    }
    this.#finding = false;
  }

  #serve(nodeId: number): void {
    if (this.#running.has(nodeId) || this.#closed) return;
    const ended = this.#run(nodeId).then(() => {
      this.#running.delete(nodeId);
      if ([...this.#partitions].some(({ hungry }) => hungry)) this.wake();
    });
    this.#running.set(nodeId, ended);
  }

  /** Ends when the broker leads no hungry partition. */
  async #run(nodeId: number): Promise<void> {
    let retryMs = retryMsFirst;
    while (!this.#closed) {
      try {
        const { hungry, full } = await this.#ledBy(nodeId);
        if (hungry.length === 0) return;
        await this.#fetch(nodeId, hungry, full ? waitMsBusy : waitMsIdle);
        this.#onProblem(null);
        retryMs = retryMsFirst;
      } catch (error) {
        if (this.#closed) return;
        if (protocolError(error) === 'OFFSET_OUT_OF_RANGE') await this.#mend(error);
        else await this.#recover(error, retryMs);
        retryMs = Math.min(2 * retryMs, retryMsMax);
      }
    }
  }

  async #ledBy(nodeId: number): Promise<{ readonly hungry: Fetchable[]; readonly full: boolean }> {
    const hungry: Fetchable[] = [];
    let full = false;
    for (const partition of this.#partitions) {
      if ((await this.#client.leaderOf(partition.id)) !== nodeId) continue;
      if (partition.hungry) hungry.push(partition);
      else full = true;
    }
    return { hungry, full };
  }

  async #fetch(nodeId: number, hungry: readonly Fetchable[], maxWaitMs: number): Promise<void> {
    // Kafka fills its answer in the order of the request: each partition is the first in its turn.
    const first = this.#turn++ % hungry.length;
    const inTurn = [...hungry.slice(first), ...hungry.slice(0, first)];
    const asked = inTurn.map((partition) => ({ partition, offset: partition.fetchOffset }));
    const broker = await this.#client.broker(nodeId);
    const fetched = await fetch(broker, {
      maxWaitMs,
      maxBytes: responseBytesMax,
      partitions: asked.map(({ partition: { id }, offset }) => ({
        topic: id.topic,
        partition: id.partition,
        fetchOffset: offset,
        maxBytes: partitionBytesMax,
      })),
    });
    for (const one of fetched) {
      const found = asked.find(
        ({ partition: { id } }) => id.topic === one.topic && id.partition === one.partition,
      );
      if (!found) continue;
      const { partition, offset } = found;
      // It may have been lost, or have moved, meanwhile.
      if (this.#partitions.has(partition) && partition.fetchOffset === offset)
        partition.take(visibleOf(one, offset));
    }
  }

  /** kafkajs tells one partition of those that are out of range. */
  async #mend(error: unknown): Promise<void> {
    const { topic, partition } = error as { readonly topic?: string; readonly partition?: number };
    for (const one of this.#partitions)
      if (topic === undefined || (one.id.topic === topic && one.id.partition === partition))
        await one.outOfRange().catch((failure: unknown) => {
          this.#partitions.delete(one);
          one.fail(failure);
        });
  }

  async #recover(error: unknown, waitMs: number): Promise<void> {
    const failure = classifyKafkaError(error, 'fetching records');
    const passes = failure.retryable || protocolError(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
    if (!passes) {
      for (const partition of this.#partitions) partition.fail(failure);
      this.#partitions.clear();
      return;
    }
    this.#onProblem(failure);
    await sleep(waitMs);
    await this.#client.forget();
  }
}
