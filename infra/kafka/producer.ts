/**
 * An idempotent producer on bare requests, with or without transactions. kafkajs' own cannot be used again after a
 * request whose answer was lost: it gives the sequence number of records that Kafka has to others, which Kafka then
 * takes for the same and drops. This one repeats a request as it was until it is answered, and begins with a new
 * producer id where it gives up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../../domain/assert.js';
import { wallClock } from '../../domain/clock.js';
import type { PartitionId } from '../../domain/log.js';
import type { KafkaClient } from './client.js';
import { protocolError } from './errors.js';
import type { WireRecord } from './record-batch.js';
import { produce } from './record-requests.js';
import { wireBytes } from './records.js';

export interface Addressed extends PartitionId {
  readonly record: WireRecord;
}

export interface ProducerOptions {
  /** Makes the producer transactional, and the only one of this name: those before it are fenced. */
  readonly transactionalId?: string;
  /** How long a request is repeated while it fails for a passing reason. */
  readonly retryMs: number;
  readonly transactionTimeoutMs: number;
  /** 0 none, 1 gzip. */
  readonly compression: 0 | 1;
}

/** Records of one partition in one request are one batch, which Kafka bounds: more than this goes in several requests. */
const batchBytesMax = 900_000;
/** How long the replicas may take for a request. */
const requestTimeoutMs = 30_000;
/** Kafka writes the markers of a transaction after it has been ended; until then it refuses the next. */
const markersMs = 2;

interface PartitionBatch extends PartitionId {
  readonly firstSequence: number;
  readonly records: readonly WireRecord[];
}

export class KafkaProducer {
  readonly #client: KafkaClient;
  readonly #options: ProducerOptions;
  #identity: { readonly producerId: string; readonly producerEpoch: number } | undefined;
  /** Next sequence number by partition. */
  readonly #sequences = new Map<string, number>();

  constructor(client: KafkaClient, options: ProducerOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** A new identity. With a transactional id: what an earlier one left open is aborted, and nothing of it can come any more. */
  async begin(): Promise<void> {
    const { transactionalId, transactionTimeoutMs, retryMs } = this.#options;
    this.#identity = await this.#client.patiently(
      'a producer id',
      async () => {
        const broker =
          transactionalId === undefined
            ? await this.#client.anyBroker()
            : await this.#client.coordinator('transaction', transactionalId);
        return this.#onceMarked(() =>
          broker.initProducerId({ transactionalId, transactionTimeout: transactionTimeoutMs }),
        );
      },
      { retryMs },
    );
    this.#sequences.clear();
  }

  /**
   * Appends in order per partition. Resolves when all is durable. After a rejection some may have been written, and the
   * next call begins anew.
   */
  async send(records: readonly Addressed[]): Promise<void> {
    if (!this.#identity) await this.begin();
    try {
      await this.#produce(records);
    } catch (error) {
      this.#identity = undefined;
      throw error;
    }
  }

  /**
   * Appends all or nothing. After a rejection it is not known which, until `begin` has succeeded: then it is decided.
   * A rejection with `isFenced` means that another producer has taken the transactional id.
   */
  async transact(records: readonly Addressed[]): Promise<void> {
    const { transactionalId, retryMs } = this.#options;
    const identity = this.#identity;
    assert(transactionalId !== undefined && identity, 'a transactional producer that has begun');
    this.#identity = undefined;
    const coordinated = <T>(
      what: string,
      request: (broker: Awaited<ReturnType<KafkaClient['broker']>>) => Promise<T>,
    ) =>
      this.#client.patiently(
        what,
        async () => {
          const broker = await this.#client.coordinator('transaction', transactionalId);
          return this.#onceMarked(() => request(broker));
        },
        { retryMs },
      );
    const topics = partitionsByTopic(records);
    await coordinated(`beginning a transaction of ${transactionalId}`, (broker) =>
      broker.addPartitionsToTxn({ transactionalId, ...identity, topics }),
    );
    this.#identity = identity;
    try {
      await this.#produce(records);
    } finally {
      this.#identity = undefined;
    }
    await coordinated(`ending a transaction of ${transactionalId}`, (broker) =>
      broker.endTxn({ transactionalId, ...identity, transactionResult: true }),
    );
    this.#identity = identity;
  }

  async #produce(records: readonly Addressed[]): Promise<void> {
    for (const round of this.#rounds(records)) {
      let left = round;
      await this.#client.patiently(
        `writing to ${[...new Set(round.map(({ topic }) => topic))].join(', ')}`,
        async () => {
          // Requests that were answered are not repeated; the others are, with the same sequence numbers.
          const results = await Promise.allSettled(
            [...(await this.#byLeader(left))].map(async ([nodeId, batches]) => {
              await this.#request(nodeId, batches);
              left = left.filter((batch) => !batches.includes(batch));
            }),
          );
          const failed = results.find((result) => result.status === 'rejected');
          if (failed) throw failed.reason;
        },
        { retryMs: this.#options.retryMs },
      );
    }
  }

  async #request(nodeId: number, batches: readonly PartitionBatch[]): Promise<void> {
    assert(this.#identity, 'a producer id');
    const broker = await this.#client.broker(nodeId);
    try {
      await produce(
        broker,
        {
          ...this.#identity,
          transactionalId: this.#options.transactionalId ?? null,
          compression: this.#options.compression,
          timeoutMs: requestTimeoutMs,
          topics: groupByTopic(batches),
        },
        wallClock.nowMs(),
      );
    } catch (error) {
      // Kafka has had them before: the answer was lost.
      if (protocolError(error) !== 'DUPLICATE_SEQUENCE_NUMBER') throw error;
    }
  }

  /** Batches of at most `batchBytesMax`; one per partition in a round, in order. Hands out sequence numbers. */
  #rounds(records: readonly Addressed[]): PartitionBatch[][] {
    const rounds: PartitionBatch[][] = [];
    const byPartition = new Map<
      string,
      { readonly id: PartitionId; readonly chunks: WireRecord[][]; bytes: number }
    >();
    for (const { topic, partition, record } of records) {
      const key = `${partition}/${topic}`;
      let found = byPartition.get(key);
      if (!found) {
        found = { id: { topic, partition }, chunks: [[]], bytes: 0 };
        byPartition.set(key, found);
      }
      const bytes = wireBytes(record);
      if (found.bytes > 0 && found.bytes + bytes > batchBytesMax) {
        found.chunks.push([]);
        found.bytes = 0;
      }
      found.bytes += bytes;
      found.chunks.at(-1)?.push(record);
    }
    for (const [key, { id, chunks }] of byPartition)
      chunks.forEach((records, index) => {
        const firstSequence = this.#sequences.get(key) ?? 0;
        // Kafka counts in 31 bits and goes on from 0.
        this.#sequences.set(key, (firstSequence + records.length) % 2 ** 31);
        rounds[index] ??= [];
        rounds[index].push({ ...id, firstSequence, records });
      });
    return rounds;
  }

  async #byLeader(batches: readonly PartitionBatch[]): Promise<Map<number, PartitionBatch[]>> {
    const byLeader = new Map<number, PartitionBatch[]>();
    for (const batch of batches) {
      const leader = await this.#client.requireLeader(batch);
      const beside = byLeader.get(leader) ?? [];
      byLeader.set(leader, beside);
      beside.push(batch);
    }
    return byLeader;
  }

  async #onceMarked<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (protocolError(error) !== 'CONCURRENT_TRANSACTIONS' || attempt >= 50) throw error;
        await sleep(markersMs);
      }
    }
  }
}

function partitionsByTopic(
  records: readonly PartitionId[],
): { readonly topic: string; readonly partitions: readonly number[] }[] {
  const byTopic = new Map<string, Set<number>>();
  for (const { topic, partition } of records)
    byTopic.set(topic, (byTopic.get(topic) ?? new Set<number>()).add(partition));
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions: [...partitions] }));
}

function groupByTopic(batches: readonly PartitionBatch[]) {
  const byTopic = new Map<string, PartitionBatch[]>();
  for (const batch of batches) {
    const beside = byTopic.get(batch.topic) ?? [];
    byTopic.set(batch.topic, beside);
    beside.push(batch);
  }
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
}
