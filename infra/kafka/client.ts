/** One set of connections to the cluster, and what every user of it needs: leaders, coordinators, offsets, patience. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WorldError } from '../../domain/errors.js';
import type { PartitionId } from '../../domain/log.js';
import { missingTopic } from '../log/topic-rules.js';
import { classifyKafkaError, needsNewProducer, protocolError } from './errors.js';
import type { Broker, Cluster } from './wire.js';

const retryMsFirst = 50;
const retryMsMax = 2_000;

/** How long the cluster is asked where partitions begin and end. */
const boundsRetryMs = 15_000;
/**
 * How long the end of what is committed may lie before that of what is written: Kafka marks a transaction as committed only
 * after it has told who committed it. Longer where a transaction is really open.
 */
const marksMsMax = 500;
const marksMs = 5;

/** What Kafka takes for times in a request for offsets. */
const beginning = -2;
const end = -1;

type Isolation = 'uncommitted' | 'committed';

export interface Bounds {
  /** Oldest offset still readable. */
  readonly beginOffset: number;
  /** The end of what is committed. */
  readonly endOffset: number;
}

export type CoordinatorKind = 'group' | 'transaction';

export class KafkaClient {
  readonly #cluster: Cluster;
  readonly #name: string;
  readonly #known = new Set<string>();
  readonly #coordinators = new Map<string, Broker>();
  #connecting: Promise<void> | undefined;

  /** `name` is what messages call the cluster. */
  constructor(cluster: Cluster, name = 'Kafka') {
    this.#cluster = cluster;
    this.#name = name;
  }

  /** Connects at the first call; WorldError if that fails. */
  async connect(): Promise<void> {
    this.#connecting ??= this.#cluster.connect().catch((error: unknown) => {
      this.#connecting = undefined;
      throw classifyKafkaError(error, this.#name);
    });
    await this.#connecting;
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect();
  }

  /** Throws WorldError 'rejected' where the topic does not exist. */
  async partitionCount(topic: string): Promise<number> {
    await this.#know([topic]);
    return this.#cluster.findTopicPartitionMetadata(topic).length;
  }

  /** undefined while the partition has no leader. */
  async leaderOf({ topic, partition }: PartitionId): Promise<number | undefined> {
    await this.#know([topic]);
    const found = this.#cluster
      .findTopicPartitionMetadata(topic)
      .find(({ partitionId }) => partitionId === partition);
    return found && found.leader >= 0 ? found.leader : undefined;
  }

  broker(nodeId: number): Promise<Broker> {
    return this.#cluster.findBroker({ nodeId });
  }

  async anyBroker(): Promise<Broker> {
    await this.connect();
    return this.#cluster.findControllerBroker();
  }

  async coordinator(kind: CoordinatorKind, id: string): Promise<Broker> {
    const key = `${kind} ${id}`;
    const known = this.#coordinators.get(key);
    if (known) return known;
    await this.connect();
    await this.#cluster.refreshMetadata();
    const found = await this.#cluster.findGroupCoordinator({
      groupId: id,
      coordinatorType: kind === 'group' ? 0 : 1,
    });
    this.#coordinators.set(key, found);
    return found;
  }

  /** After a failure: what was known of leaders and coordinators may be why. */
  async forget(): Promise<void> {
    this.#coordinators.clear();
    // Where that fails, so does what is tried next, and says why.
    await this.#cluster.refreshMetadata().catch(() => {});
  }

  /** Oldest readable offset and the end of what was committed before the call, of every partition given. */
  async bounds(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, Bounds>> {
    const [begins, ends] = await this.patiently(
      `the ends of topic "${topic}"`,
      () =>
        Promise.all([
          this.#offsets(topic, partitions, beginning, 'committed'),
          this.#committedEnds(topic, partitions),
        ]),
      { retryMs: boundsRetryMs },
    );
    return new Map(
      partitions.map((partition) => [
        partition,
        { beginOffset: begins.get(partition) ?? 0, endOffset: ends.get(partition) ?? 0 },
      ]),
    );
  }

  async boundsOf({ topic, partition }: PartitionId): Promise<Bounds> {
    return (await this.bounds(topic, [partition])).get(partition) as Bounds;
  }

  async #committedEnds(topic: string, partitions: readonly number[]): Promise<Map<number, number>> {
    const written = await this.#offsets(topic, partitions, end, 'uncommitted');
    for (const untilMs = performance.now() + marksMsMax; ; await sleep(marksMs)) {
      const ends = await this.#offsets(topic, partitions, end, 'committed');
      const all = partitions.every(
        (partition) => (ends.get(partition) ?? 0) >= (written.get(partition) ?? 0),
      );
      if (all || performance.now() > untilMs) return ends;
    }
  }

  async #offsets(
    topic: string,
    partitions: readonly number[],
    timestamp: number,
    isolation: Isolation,
  ): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    const byLeader = await this.#byLeader(topic, partitions);
    await Promise.all(
      [...byLeader].map(async ([nodeId, wanted]) => {
        const broker = await this.broker(nodeId);
        const { responses } = await broker.listOffsets({
          replicaId: -1,
          isolationLevel: isolation === 'committed' ? 1 : 0,
          topics: [{ topic, partitions: wanted.map((partition) => ({ partition, timestamp })) }],
        });
        for (const response of responses)
          for (const { partition, offset } of response.partitions) found.set(partition, Number(offset));
      }),
    );
    return found;
  }

  async #byLeader(topic: string, partitions: readonly number[]): Promise<Map<number, number[]>> {
    const byLeader = new Map<number, number[]>();
    for (const partition of partitions) {
      const leader = await this.requireLeader({ topic, partition });
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
    }
    return byLeader;
  }

  async requireLeader(id: PartitionId): Promise<number> {
    const leader = await this.leaderOf(id);
    if (leader === undefined)
      throw new WorldError('unreachable', `partition ${id.partition} of "${id.topic}" has no leader`, {
        retryable: true,
      });
    return leader;
  }

  /**
   * Repeats `operation` while it fails for a passing reason, with fresh metadata, until `retryMs` have passed or `signal`
   * aborts; then throws what it failed with, classified. `what` says what was being done.
   */
  async patiently<T>(
    what: string,
    operation: () => Promise<T>,
    options: { readonly retryMs: number; readonly signal?: AbortSignal },
  ): Promise<T> {
    const untilMs = performance.now() + options.retryMs;
    for (let waitMs = retryMsFirst; ; waitMs = Math.min(2 * waitMs, retryMsMax)) {
      try {
        return await operation();
      } catch (error) {
        const failure = classifyKafkaError(error, what);
        const passes =
          (failure.retryable && !needsNewProducer(error)) ||
          protocolError(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
        if (!passes || options.signal?.aborted || performance.now() + waitMs > untilMs) throw failure;
        // An abort is the end of the wait: the next failure is thrown.
        await sleep(waitMs, undefined, options.signal ? { signal: options.signal } : {}).catch(() => {});
        await this.forget();
      }
    }
  }

  async #know(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => !this.#known.has(topic));
    if (unknown.length === 0) return;
    await this.connect();
    for (const topic of unknown) {
      try {
        await this.#cluster.addMultipleTargetTopics([topic]);
      } catch (error) {
        if (['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'].includes(protocolError(error)))
          throw missingTopic(topic);
        throw error;
      }
      this.#known.add(topic);
    }
  }
}
