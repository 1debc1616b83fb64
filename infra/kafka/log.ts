/**
 * The log on Kafka: partitions, replicas and consumer groups across processes and computers. What one checkpoint holds is
 * one transaction; readers see what has been committed. docs/decisions/0008-kafka.md tells how and why.
 */
import type { Buffer } from 'node:buffer';
import type {
  Consumer,
  ConsumerOptions,
  Log,
  LogRecord,
  NewRecord,
  PartitionId,
  PartitionStatus,
  TopicSpec,
} from '../../domain/log.js';
import { logClosed, missingPartition, missingTopic } from '../log/topic-rules.js';
import { Turns } from '../log/turns.js';
import { AppendQueue } from './append-queue.js';
import { KafkaClient } from './client.js';
import type { KafkaLogConfig } from './config.js';
import { connectionConfig } from './connection.js';
import { KafkaConsumer } from './consumer.js';
import { Names } from './names.js';
import type { KafkaObserver } from './observer.js';
import { Owners } from './owners.js';
import { KafkaProducer, type ProducerOptions } from './producer.js';
import { readRange } from './read-range.js';
import { fromWire } from './records.js';
import { readLastOffset, StateReader } from './state-topic.js';
import { Topics } from './topics.js';
import { makeWire, type Wire } from './wire.js';

export interface KafkaLogOptions {
  readonly config: KafkaLogConfig;
  readonly observer?: KafkaObserver;
}

const nobody: KafkaObserver = { onProblem() {}, onNotice() {}, onRebalance() {} };

/** How long a write is repeated before the caller hears of it; transactions live twice as long. */
const writeRetryMs = 20_000;
const connectRetryMs = 15_000;
const transactionTimeoutMs = 60_000;

/** Connects; rejects with WorldError 'unreachable' or 'unauthorized'. */
export async function openKafkaLog({ config, observer = nobody }: KafkaLogOptions): Promise<Log> {
  const wire = makeWire(connectionConfig(config));
  const name = `Kafka at ${config.brokers.join(', ')}`;
  const client = new KafkaClient(wire.cluster(), name);
  try {
    await client.patiently(name, () => client.anyBroker(), {
      retryMs: connectRetryMs,
    });
  } catch (error) {
    await client.close();
    throw error;
  }
  return new KafkaLog(wire, client, config, observer);
}

class KafkaLog implements Log {
  readonly sparseOffsets = true;
  readonly #client: KafkaClient;
  readonly #appendClient: KafkaClient;
  readonly #wire: Wire;
  readonly #config: KafkaLogConfig;
  readonly #names: Names;
  readonly #topics: Topics;
  readonly #queue: AppendQueue;
  readonly #producer: ProducerOptions;
  readonly #turns = new Turns();
  readonly #owners = new Owners();
  readonly #consumers = new Set<KafkaConsumer>();
  readonly #stateReaders = new Map<string, StateReader>();
  readonly #observer: KafkaObserver;
  #closing: Promise<void> | undefined;

  constructor(wire: Wire, client: KafkaClient, config: KafkaLogConfig, observer: KafkaObserver) {
    this.#wire = wire;
    this.#client = client;
    this.#config = config;
    this.#observer = observer;
    this.#names = new Names(config.prefix);
    this.#topics = new Topics(wire.admin(), client, this.#names, {
      replicationFactor: config.replicationFactor ?? -1,
      minInsyncReplicas: config.minInsyncReplicas,
      compactionLagMs: config.compactionLagMs,
      recordBytesMax: config.recordBytesMax,
    });
    this.#producer = {
      retryMs: writeRetryMs,
      transactionTimeoutMs,
      compression: config.compression === 'gzip' ? 1 : 0,
    };
    this.#appendClient = new KafkaClient(wire.cluster());
    this.#queue = new AppendQueue(
      new KafkaProducer(this.#appendClient, this.#producer),
      this.#names,
      (records) => this.#checkPartitions(records),
    );
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.#checkOpen();
    await this.#topics.ensure(specs);
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    this.#checkOpen();
    if (records.length > 0) await this.#queue.add(records);
  }

  consume(options: ConsumerOptions): Consumer {
    if (this.#closing) return { done: Promise.reject(logClosed()), close: async () => {} };
    const consumer = new KafkaConsumer(options, {
      cluster: () => this.#wire.cluster(),
      names: this.#names,
      topics: this.#topics,
      turns: this.#turns,
      owners: this.#owners,
      producer: this.#producer,
      sessionTimeoutMs: this.#config.sessionTimeoutMs,
      heartbeatMs: this.#config.heartbeatMs,
      observer: this.#observer,
    });
    this.#consumers.add(consumer);
    const forget = () => this.#consumers.delete(consumer);
    consumer.done.then(forget, forget);
    return consumer;
  }

  async *read(partition: PartitionId, fromOffset: number, toOffset?: number): AsyncGenerator<LogRecord> {
    this.#checkOpen();
    const { beginOffset, endOffset } = await this.#bounds(partition);
    const from = Math.max(fromOffset, beginOffset);
    const to = Math.min(toOffset ?? endOffset, endOffset);
    for await (const messages of readRange(this.#client, this.#names.partition(partition), from, to))
      for (const message of messages) {
        yield fromWire(partition.topic, partition.partition, message);
        this.#checkOpen();
      }
  }

  async status(topic: string): Promise<readonly PartitionStatus[]> {
    this.#checkOpen();
    const partitionCount = await this.#partitionCount(topic);
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
    const bounds = await this.#client.bounds(this.#names.topic(topic), partitions);
    return partitions.map((partition) => ({
      topic,
      partition,
      beginOffset: bounds.get(partition)?.beginOffset ?? 0,
      endOffset: bounds.get(partition)?.endOffset ?? 0,
    }));
  }

  async committed(group: string, partition: PartitionId): Promise<number | undefined> {
    this.#checkOpen();
    const state = this.#stateOf(group, partition);
    if (!(await this.#topics.exists(state.topic))) return undefined;
    const last = await readLastOffset(this.#client, state);
    return last && this.#pastMarks(this.#names.partition(partition), last.nextOffset);
  }

  /** The next record that is there, or the end: what lies before it is nothing that a group could lag by. */
  async #pastMarks(id: PartitionId, nextOffset: number): Promise<number> {
    const { beginOffset, endOffset } = await this.#client.boundsOf(id);
    const fromOffset = Math.max(nextOffset, beginOffset);
    for await (const [next] of readRange(this.#client, id, fromOffset, endOffset, 1))
      if (next) return next.offset;
    return Math.max(nextOffset, endOffset);
  }

  async *state(
    group: string,
    partition: PartitionId,
    keyPrefix = '',
  ): AsyncGenerator<{ readonly key: string; readonly value: Buffer }> {
    this.#checkOpen();
    const state = this.#stateOf(group, partition);
    if (!(await this.#topics.exists(state.topic))) return;
    // Kafka finds nothing by key: what was read is kept, and each call reads what has come since.
    const key = `${state.partition}/${state.topic}/${keyPrefix}`;
    const reader = this.#stateReaders.get(key) ?? new StateReader(this.#client, state, keyPrefix);
    if (keyPrefix !== '') this.#stateReaders.set(key, reader);
    const { entries } = await reader.read();
    for (const [entryKey, value] of [...entries]) yield { key: entryKey, value };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
      await this.#queue.drained();
      await this.#topics.close();
      await Promise.all([this.#client.close(), this.#appendClient.close()]);
    })();
    return this.#closing;
  }

  #stateOf(group: string, { topic, partition }: PartitionId): PartitionId {
    return { topic: this.#names.stateTopic(group, topic), partition };
  }

  async #bounds(partition: PartitionId): Promise<PartitionStatus> {
    const status = await this.status(partition.topic);
    return status[partition.partition] ?? raise(missingPartition(partition, status.length));
  }

  async #partitionCount(topic: string): Promise<number> {
    const name = this.#names.topic(topic);
    if (!(await this.#topics.exists(name))) throw missingTopic(topic);
    return this.#client.partitionCount(name);
  }

  async #checkPartitions(records: readonly NewRecord[]): Promise<void> {
    const counts = new Map<string, number>();
    for (const { topic } of records)
      if (!counts.has(topic)) counts.set(topic, await this.#partitionCount(topic));
    for (const record of records) {
      const count = counts.get(record.topic) ?? 0;
      if (!(record.partition >= 0 && record.partition < count)) throw missingPartition(record, count);
    }
  }

  #checkOpen(): void {
    if (this.#closing) throw logClosed();
  }
}

function raise(error: Error): never {
  throw error;
}
