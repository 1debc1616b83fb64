/** Makes topics with the settings that the pipeline needs, and refuses those that do not fit. */
import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { WorldError } from '../../domain/errors.js';
import type { TopicSpec } from '../../domain/log.js';
import { decideTopicChange } from '../log/topic-rules.js';
import type { KafkaClient } from './client.js';
import { classifyKafkaError } from './errors.js';
import type { Names } from './names.js';

export interface TopicSettings {
  /** Copies of each partition; -1: what the cluster is set to. */
  readonly replicationFactor: number;
  /** Copies that must have a record before it counts as written; undefined: what the cluster is set to. */
  readonly minInsyncReplicas: number | undefined;
  readonly compactionLagMs: number;
  readonly recordBytesMax: number;
}

/** Kafka counts the age of a record from its arrival; a plant whose clock runs fast must not lose what it has not read. */
const retentionMsMin = 3_600_000;
const stateSegmentBytes = 67_108_864;
const retryMs = 30_000;

export class Topics {
  readonly #admin: Admin;
  readonly #client: KafkaClient;
  readonly #names: Names;
  readonly #settings: TopicSettings;
  #connecting: Promise<void> | undefined;

  constructor(admin: Admin, client: KafkaClient, names: Names, settings: TopicSettings) {
    this.#admin = admin;
    this.#client = client;
    this.#names = names;
    this.#settings = settings;
  }

  async ensure(specs: readonly TopicSpec[]): Promise<void> {
    const missing: ITopicConfig[] = [];
    for (const spec of specs) {
      const change = decideTopicChange(await this.#existing(spec.name), spec);
      if (change === 'create')
        missing.push(this.#topic(this.#names.topic(spec.name), spec.partitionCount, this.#entries(spec)));
      else if (change === 'update') await this.#setRetention(spec);
    }
    await this.#create(missing);
  }

  /** For checkpoints. Made with as many partitions as the topic that is consumed. */
  async ensureState(name: string, partitionCount: number): Promise<void> {
    const entries = {
      'cleanup.policy': 'compact',
      'segment.bytes': String(stateSegmentBytes),
      'min.cleanable.dirty.ratio': '0.3',
    };
    await this.#create([this.#topic(name, partitionCount, entries)]);
  }

  async exists(name: string): Promise<boolean> {
    return this.#client.patiently(
      `topic "${name}"`,
      () =>
        this.#client.partitionCount(name).then(
          () => true,
          (error: unknown) => {
            if (error instanceof WorldError && error.code === 'rejected') return false;
            throw error;
          },
        ),
      { retryMs },
    );
  }

  async close(): Promise<void> {
    if (this.#connecting) await this.#admin.disconnect();
  }

  #topic(topic: string, numPartitions: number, entries: Readonly<Record<string, string>>): ITopicConfig {
    const { replicationFactor, minInsyncReplicas, recordBytesMax } = this.#settings;
    const all: Record<string, string> = {
      ...entries,
      // Record batches have room for the frame around one record.
      'max.message.bytes': String(recordBytesMax + 65_536),
      ...(minInsyncReplicas === undefined ? {} : { 'min.insync.replicas': String(minInsyncReplicas) }),
    };
    return {
      topic,
      numPartitions,
      replicationFactor,
      configEntries: Object.entries(all).map(([name, value]) => ({ name, value })),
    };
  }

  #entries({ cleanup, retentionMs }: TopicSpec): Record<string, string> {
    const arrival = { 'message.timestamp.type': 'LogAppendTime' };
    return cleanup === 'compact'
      ? {
          ...arrival,
          'cleanup.policy': 'compact',
          'min.compaction.lag.ms': String(this.#settings.compactionLagMs),
        }
      : {
          ...arrival,
          'cleanup.policy': 'delete',
          'retention.ms': retentionText(retentionMs),
          'retention.bytes': '-1',
        };
  }

  async #create(topics: ITopicConfig[]): Promise<void> {
    if (topics.length === 0) return;
    const what = `making the topics ${topics.map(({ topic }) => topic).join(', ')}`;
    await this.#run(what, () =>
      this.#admin.createTopics({ topics, waitForLeaders: false, timeout: 30_000 }).catch((error: unknown) => {
        throw firstOf(error);
      }),
    );
    for (const { topic } of topics)
      await this.#client.patiently(what, () => this.#isReady(topic), { retryMs });
  }

  /** A new topic is not known to every broker at once. */
  async #isReady(topic: string): Promise<void> {
    if (!(await this.exists(topic)))
      throw new WorldError('unreachable', `topic "${topic}" is not there yet`, { retryable: true });
    const partitionCount = await this.#client.partitionCount(topic);
    for (let partition = 0; partition < partitionCount; partition++)
      await this.#client.requireLeader({ topic, partition });
  }

  /** As the port would describe it; undefined if it does not exist. */
  async #existing(name: string): Promise<TopicSpec | undefined> {
    const topic = this.#names.topic(name);
    if (!(await this.exists(topic))) return undefined;
    const partitionCount = await this.#client.partitionCount(topic);
    const settings = await this.#settingsOf(topic);
    const cleanup = settings.get('cleanup.policy') === 'compact' ? 'compact' : 'delete';
    const retentionMs =
      cleanup === 'compact' || settings.get('retention.ms') === '-1'
        ? Infinity
        : Number(settings.get('retention.ms'));
    return { name, partitionCount, cleanup, retentionMs };
  }

  async #settingsOf(topic: string): Promise<Map<string, string>> {
    const { resources } = await this.#run(`the settings of topic "${topic}"`, () =>
      this.#admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
      }),
    );
    return new Map(
      resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
  }

  async #setRetention(spec: TopicSpec): Promise<void> {
    const name = this.#names.topic(spec.name);
    const settings = await this.#settingsOf(name);
    const wanted = retentionText(spec.retentionMs);
    if (spec.cleanup === 'compact' || settings.get('retention.ms') === wanted) return;
    // This request replaces all settings of the topic: those that are ours go with it.
    const { configEntries = [] } = this.#topic(name, spec.partitionCount, this.#entries(spec));
    await this.#run(`the settings of topic "${name}"`, () =>
      this.#admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configEntries }],
      }),
    );
  }

  async #run<T>(what: string, operation: () => Promise<T>): Promise<T> {
    return this.#client.patiently(
      what,
      async () => {
        this.#connecting ??= this.#admin.connect().catch((error: unknown) => {
          this.#connecting = undefined;
          throw classifyKafkaError(error, 'Kafka');
        });
        await this.#connecting;
        return await operation();
      },
      { retryMs },
    );
  }
}

function retentionText(retentionMs: number): string {
  return retentionMs === Infinity ? '-1' : String(Math.max(retentionMs, retentionMsMin));
}

/** kafkajs has an aggregate of its own. */
function firstOf(error: unknown): unknown {
  const { errors } = error as { readonly errors?: readonly unknown[] };
  return errors?.[0] ?? error;
}
