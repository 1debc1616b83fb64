/** What a Kafka cluster says about the topics of a plant: for `millwright doctor`. Changes nothing. */
import kafkajs from 'kafkajs';
import type { KafkaLogConfig } from './config.js';
import { connectionConfig } from './connection.js';
import { classifyKafkaError } from './errors.js';
import { makeWire } from './wire.js';

export interface TopicFacts {
  /** As the cluster calls it. */
  readonly name: string;
  readonly partitionCount: number;
  /** Copies of the partition that has the fewest. */
  readonly replicaCount: number;
  /** Partitions of which some copy is behind. */
  readonly behindCount: number;
  readonly minInsyncReplicas: number;
  /** unclean.leader.election.enable: a copy that is behind may become the one that counts. */
  readonly uncleanElection: boolean;
}

export interface KafkaFacts {
  readonly brokerCount: number;
  /** Topics of this plant, and Kafka's own for offsets and transactions, as far as they have been made. */
  readonly topics: readonly TopicFacts[];
}

const internalTopics = ['__consumer_offsets', '__transaction_state'];

/** Rejects with WorldError when no broker answers or we are not let in. */
export async function inspectKafka(config: KafkaLogConfig): Promise<KafkaFacts> {
  const admin = makeWire(connectionConfig(config)).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const names = (await admin.listTopics()).filter(
      (name) => name.startsWith(config.prefix) || internalTopics.includes(name),
    );
    if (names.length === 0) return { brokerCount: brokers.length, topics: [] };
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
    });
    const settings = new Map(
      resources.map(({ resourceName, configEntries }) => [
        resourceName,
        new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      ]),
    );
    return {
      brokerCount: brokers.length,
      topics: topics
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, partitions }) => ({
          name,
          partitionCount: partitions.length,
          replicaCount: Math.min(...partitions.map(({ replicas }) => replicas.length)),
          behindCount: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
          minInsyncReplicas: Number(settings.get(name)?.get('min.insync.replicas') ?? 1),
          uncleanElection: settings.get(name)?.get('unclean.leader.election.enable') === 'true',
        })),
    };
  } catch (error) {
    throw classifyKafkaError(error, `Kafka at ${config.brokers.join(', ')}`);
  } finally {
    await admin.disconnect();
  }
}
