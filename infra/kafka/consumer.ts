/**
 * A member of a consumer group: as partitions come and go, one loop each that restores, processes and makes checkpoints.
 * The loop is the one of the other logs (infra/log/partition-loop.ts); this file brings it its partitions.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorldError } from '../../domain/errors.js';
import type { Consumer, ConsumerOptions, PartitionHandler, PartitionId } from '../../domain/log.js';
import { PartitionLoop } from '../log/partition-loop.js';
import { partitionKey } from '../log/partition-source.js';
import type { Turns } from '../log/turns.js';
import { Checkpoints, LostPartition } from './checkpoints.js';
import { KafkaClient } from './client.js';
import { classifyKafkaError } from './errors.js';
import { Fetcher } from './fetcher.js';
import { Membership } from './membership.js';
import type { Names } from './names.js';
import type { KafkaObserver } from './observer.js';
import type { Owners } from './owners.js';
import { KafkaPartition } from './partition.js';
import type { ProducerOptions } from './producer.js';
import type { Topics } from './topics.js';
import type { Cluster } from './wire.js';

/** What the consumers of one log share. */
export interface ConsumerParts {
  cluster(): Cluster;
  readonly names: Names;
  readonly topics: Topics;
  readonly turns: Turns;
  readonly owners: Owners;
  readonly producer: ProducerOptions;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly observer: KafkaObserver;
}

interface Slot {
  readonly partition: PartitionId;
  stopping: boolean;
  loop: PartitionLoop | undefined;
  source: KafkaPartition | undefined;
  ended: Promise<void>;
}

const retryMsMax = 5_000;
/** How often the group's offsets are told to Kafka, for its tools. */
const publishMs = 5_000;

export class KafkaConsumer implements Consumer {
  readonly done: Promise<void>;
  readonly #options: ConsumerOptions;
  readonly #parts: ConsumerParts;
  /** Joining waits for other members, fetching for records: connections of their own. */
  readonly #waitingClient: KafkaClient;
  /** Restoring, transactions. */
  readonly #client: KafkaClient;
  readonly #membership: Membership;
  readonly #fetcher: Fetcher;
  readonly #slots = new Map<string, Slot>();
  /** While draining: partitions that have not yet reached the end that they had when close was called. */
  #draining: { readonly targets: Map<string, number>; readonly drained: () => void } | undefined;
  #firstAssignment: () => void = () => {};
  readonly #assigned: Promise<void>;
  #failure: { readonly error: unknown } | undefined;
  #closing: Promise<void> | undefined;
  #settle: () => void = () => {};
  /** What does not work now, by part of the work. */
  readonly #problems = new Map<string, WorldError>();
  #publishing: NodeJS.Timeout | undefined;

  constructor(options: ConsumerOptions, parts: ConsumerParts) {
    this.#options = options;
    this.#parts = parts;
    const { names } = parts;
    this.#waitingClient = new KafkaClient(parts.cluster());
    this.#client = new KafkaClient(parts.cluster());
    this.#membership = new Membership(this.#waitingClient, {
      group: names.group(options.group),
      topics: options.topics.map((topic) => names.topic(topic)),
      sessionTimeoutMs: parts.sessionTimeoutMs,
      heartbeatMs: parts.heartbeatMs,
      owned: () => this.#owned().map((partition) => names.partition(partition)),
      onAssigned: (partitions) => this.#assign(partitions),
      onProblem: (problem) => this.#problem('group', problem),
    });
    this.#fetcher = new Fetcher(this.#waitingClient, (problem) => this.#problem('records', problem));
    this.#assigned = new Promise((resolve) => {
      this.#firstAssignment = resolve;
    });
    this.done = new Promise((resolve, reject) => {
      this.#settle = () => (this.#failure ? reject(this.#failure.error) : resolve());
    });
    // `done` tells why it stopped, to whoever asks.
    this.done.catch(() => {});
    void this.#run();
  }

  /** A later close without `drain` cuts a drain short. */
  async close(options: { readonly drain?: boolean } = {}): Promise<void> {
    if (options.drain && !this.#draining && !this.#closing) await this.#drain();
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #run(): Promise<void> {
    try {
      for (const topic of this.#options.topics)
        await this.#waitingClient.patiently(
          `topic "${topic}"`,
          () => this.#waitingClient.partitionCount(this.#parts.names.topic(topic)),
          { retryMs: 0 },
        );
      this.#publishing = setInterval(() => this.#publish([...this.#slots.values()]), publishMs);
      await this.#membership.run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #owned(): PartitionId[] {
    return [...this.#slots.values()].filter(({ stopping }) => !stopping).map(({ partition }) => partition);
  }

  #assign(kafkaPartitions: readonly PartitionId[]): void {
    if (this.#closing) return;
    this.#parts.observer.onRebalance(this.#options.group);
    const wanted = new Map(
      kafkaPartitions.map(({ topic, partition }) => {
        const id = { topic: this.#parts.names.withoutPrefix(topic), partition };
        return [partitionKey(id), id];
      }),
    );
    for (const [key, slot] of this.#slots) if (!wanted.has(key)) this.#stop(slot);
    for (const [key, partition] of wanted) {
      const slot = this.#slots.get(key);
      if (!slot || slot.stopping) this.#start(partition, slot?.ended);
    }
    this.#firstAssignment();
  }

  #start(partition: PartitionId, after: Promise<void> | undefined): void {
    const slot: Slot = {
      partition,
      stopping: false,
      loop: undefined,
      source: undefined,
      ended: Promise.resolve(),
    };
    this.#slots.set(partitionKey(partition), slot);
    slot.ended = this.#runSlot(slot, after)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        const key = partitionKey(partition);
        if (this.#slots.get(key) === slot) this.#slots.delete(key);
        this.#reached(partition, Infinity);
      });
  }

  #stop(slot: Slot): void {
    slot.stopping = true;
    slot.loop?.stop();
  }

  /** From gaining the partition to losing it. */
  async #runSlot(slot: Slot, after: Promise<void> | undefined): Promise<void> {
    await after;
    const release = await this.#parts.owners.take(`${this.#options.group} ${partitionKey(slot.partition)}`);
    try {
      while (!slot.stopping) {
        const source = await this.#open(slot);
        if (!source) return;
        const failure = await this.#runLoop(slot, source);
        if (!failure) return;
        if (!(failure.error instanceof LostPartition)) throw failure.error;
        // The group will say whose it is; if it is ours still, we begin again from the last checkpoint.
        await this.#membership.confirmed();
      }
    } finally {
      release();
    }
  }

  async #runLoop(slot: Slot, source: KafkaPartition): Promise<{ readonly error: unknown } | null> {
    const options: ConsumerOptions = {
      ...this.#options,
      handlerFor: (partition) => restoring(this.#options.handlerFor(partition), () => source.restored()),
    };
    const loop = new PartitionLoop(source, options, slot.partition, this.#parts.turns, (position) =>
      this.#reached(slot.partition, position),
    );
    slot.loop = loop;
    slot.source = source;
    this.#fetcher.add(source);
    if (slot.stopping) loop.stop();
    try {
      return await loop.run();
    } finally {
      this.#fetcher.remove(source);
    }
  }

  /** undefined: stopped before it could be opened. */
  async #open(slot: Slot): Promise<KafkaPartition | undefined> {
    const { names, topics, producer } = this.#parts;
    const { group } = this.#options;
    const { partition } = slot;
    const stateTopic = names.stateTopic(group, partition.topic);
    const checkpoints = new Checkpoints({
      client: this.#client,
      names,
      group,
      partition,
      producer,
      stateTopicExists: () => topics.exists(stateTopic),
      makeStateTopic: async () =>
        topics.ensureState(stateTopic, await this.#client.partitionCount(names.topic(partition.topic))),
      confirmed: () => this.#membership.confirmed(),
    });
    for (let waitMs = 100; !slot.stopping; waitMs = Math.min(2 * waitMs, retryMsMax)) {
      try {
        return await KafkaPartition.open({
          client: this.#client,
          partition,
          kafkaPartition: names.partition(partition),
          consumer: this.#options,
          checkpoints,
          onRecords: () => slot.loop?.wake(),
          onHungry: () => this.#fetcher.wake(),
          onProblem: (problem) => this.#problem(partitionKey(partition), problem),
          onFailure: (error) => this.#fail(error),
          onNotice: (sentence) => this.#parts.observer.onNotice(sentence),
        });
      } catch (error) {
        const failure = classifyKafkaError(error, `taking over a partition of "${partition.topic}"`);
        if (!failure.retryable) throw failure;
        this.#problem(partitionKey(partition), failure);
        await sleep(waitMs);
      }
    }
    return undefined;
  }

  async #drain(): Promise<void> {
    let drained = () => {};
    const ended = new Promise<void>((resolve) => {
      drained = resolve;
    });
    // Whether it stops of itself or by a failure: there is nothing to drain then, and `done` tells why.
    await Promise.race([this.#assigned, this.done.catch(() => {})]);
    const targets = new Map<string, number>();
    try {
      for (const topic of new Set(this.#owned().map((partition) => partition.topic))) {
        const partitions = this.#owned().filter((one) => one.topic === topic);
        const bounds = await this.#client.bounds(
          this.#parts.names.topic(topic),
          partitions.map((one) => one.partition),
        );
        for (const one of partitions)
          targets.set(partitionKey(one), bounds.get(one.partition)?.endOffset ?? 0);
      }
    } catch {
      return; // Kafka is away: there is no more to come.
    }
    this.#draining = { targets, drained };
    for (const key of targets.keys()) if (!this.#slots.has(key)) targets.delete(key);
    if (targets.size === 0) return;
    for (const { loop } of this.#slots.values()) loop?.wake();
    await Promise.race([ended, this.done.catch(() => {})]);
  }

  #reached(partition: PartitionId, position: number): void {
    const draining = this.#draining;
    const target = draining?.targets.get(partitionKey(partition));
    if (!draining || target === undefined || position < target) return;
    draining.targets.delete(partitionKey(partition));
    if (draining.targets.size === 0) draining.drained();
  }

  #problem(part: string, problem: WorldError | null): void {
    if (problem) this.#problems.set(part, problem);
    else if (!this.#problems.delete(part)) return;
    const [first] = this.#problems.values();
    this.#parts.observer.onProblem(this.#options.group, first?.message ?? null);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#draining?.drained();
    const slots = [...this.#slots.values()];
    for (const slot of slots) this.#stop(slot);
    await Promise.all(slots.map(({ ended }) => ended));
    clearInterval(this.#publishing);
    await this.#publish(slots);
    await this.#membership.close();
    await this.#fetcher.close();
    await Promise.all([this.#waitingClient, this.#client].map((client) => client.close()));
    for (const part of [...this.#problems.keys()]) this.#problem(part, null);
    this.#settle();
  }

  async #publish(slots: readonly Slot[]): Promise<void> {
    const offsets = slots.flatMap(({ partition, source }) => {
      const nextOffset = source?.committedOffset();
      return nextOffset === undefined ? [] : [{ ...this.#parts.names.partition(partition), nextOffset }];
    });
    // Only for people: the next time will do.
    await this.#membership.publishOffsets(offsets).catch(() => {});
  }
}

/** Tells when the handler has its state. */
function restoring(handler: PartitionHandler, restored: () => void): PartitionHandler {
  return {
    ...(handler.join && { join: (bounds) => (handler.join as NonNullable<typeof handler.join>)(bounds) }),
    restore: (state) => {
      handler.restore(state);
      restored();
    },
    process: (batch) => handler.process(batch),
    finish: () => handler.finish?.() ?? null,
    close: () => handler.close(),
  };
}
