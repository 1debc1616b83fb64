/** What may be wrong with a Kafka cluster that the log is on, above all what would lose records. */
import { WorldError } from '../domain/errors.js';
import { topicSpecs } from '../domain/topics.js';
import { inspectKafka, type KafkaFacts, type TopicFacts } from '../infra/kafka/inspect.js';
import type { DeploymentConfig } from './config.js';
import type { Finding } from './finding.js';
import { formatCounted } from './terminal/format.js';

type KafkaConfig = Extract<DeploymentConfig['log'], { readonly kind: 'kafka' }>;

export async function checkKafka(config: KafkaConfig): Promise<Finding[]> {
  try {
    return judgeKafka(config, await inspectKafka(config));
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    const advice = error.code === 'unreachable' ? ': start Kafka, or correct log.brokers' : '';
    return [{ what: 'log', state: 'bad', sentence: error.message + advice }];
  }
}

/** One finding when all is well, else one for each thing that is not, with the topics that it is true of. */
export function judgeKafka(config: KafkaConfig, { brokerCount, topics }: KafkaFacts): Finding[] {
  const findings: Finding[] = [];
  const say = (state: Finding['state'], sentence: string) => findings.push({ what: 'log', state, sentence });
  const sayOf = (
    state: Finding['state'],
    isSo: (topic: TopicFacts) => boolean,
    sentence: (names: string) => string,
  ) => {
    const names = topics.filter(isSo).map(({ name }) => name);
    if (names.length > 0) say(state, sentence(names.join(', ')));
  };
  say('good', `Kafka at ${config.brokers.join(', ')} answers, ${formatCounted(brokerCount, 'broker')}`);
  if (!topics.some(({ name }) => name.startsWith(config.prefix)))
    say('warning', 'there are no topics yet: millwright infra init makes them, or the first run');
  const wanted = new Map(
    topicSpecs(config.partitions, config.retentionMs).map((spec) => [config.prefix + spec.name, spec]),
  );
  const differing = topics.filter(({ name, partitionCount }) => {
    const spec = wanted.get(name);
    return spec?.partitionCount === config.partitions && partitionCount !== config.partitions;
  });
  if (differing.length > 0)
    say(
      'bad',
      `log.partitions is ${config.partitions}, and ${differing.map(({ name, partitionCount }) => `${name} has ${partitionCount}`).join(', ')}: set log.partitions to what there is, for machines would change their partition and lose their state`,
    );
  if (brokerCount === 1)
    say(
      'warning',
      'there is one broker: with its disk everything that is not in the store yet is lost; three brokers, log.replicationFactor 3 and log.minInsyncReplicas 2 survive the loss of one',
    );
  else
    sayOf(
      'bad',
      ({ replicaCount }) => replicaCount === 1,
      (names) =>
        `there is one copy of ${names}, lost with the broker that has it: give it three (kafka-reassign-partitions), and set log.replicationFactor to 3 for topics to come`,
    );
  sayOf(
    'warning',
    ({ replicaCount, minInsyncReplicas }) => replicaCount > 1 && minInsyncReplicas === 1,
    (names) =>
      `min.insync.replicas of ${names} is 1: a record counts as written when one broker has it; set 2 (kafka-configs --alter, and log.minInsyncReplicas for topics to come)`,
  );
  sayOf(
    'bad',
    ({ replicaCount, minInsyncReplicas }) => minInsyncReplicas > replicaCount,
    (names) =>
      `min.insync.replicas of ${names} is more than there are copies: nothing can be written; lower it`,
  );
  sayOf(
    'warning',
    ({ replicaCount, minInsyncReplicas }) => replicaCount > 1 && minInsyncReplicas === replicaCount,
    (names) =>
      `min.insync.replicas of ${names} is the number of copies: when one broker is away nothing can be written; lower it by one`,
  );
  sayOf(
    'bad',
    ({ uncleanElection }) => uncleanElection,
    (names) =>
      `unclean.leader.election.enable is true for ${names}: acknowledged records are lost when a broker that is behind takes over; set it to false`,
  );
  sayOf(
    'warning',
    ({ behindCount }) => behindCount > 0,
    (names) => `copies of ${names} are behind: look after the brokers`,
  );
  return findings;
}
