import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentShape } from '../../app/config.js';
import { judgeKafka } from '../../app/doctor-kafka.js';
import type { KafkaFacts, TopicFacts } from '../../infra/kafka/inspect.js';

const good: TopicFacts = {
  name: 'millwright.inputs',
  partitionCount: 4,
  replicaCount: 3,
  behindCount: 0,
  minInsyncReplicas: 2,
  uncleanElection: false,
};
const cluster = (changes: Partial<TopicFacts>, brokerCount = 3): KafkaFacts => ({
  brokerCount,
  topics: [good, { ...good, name: '__consumer_offsets', partitionCount: 50, ...changes }],
});

const cases: readonly (readonly [string, KafkaFacts, RegExp | undefined])[] = [
  ['nothing', cluster({}), undefined],
  [
    'another number of partitions',
    cluster({ name: 'millwright.steps', partitionCount: 8 }),
    /^bad: log\.partitions is 4, and millwright\.steps has 8: set/,
  ],
  [
    'a topic that has one partition always',
    cluster({ name: 'millwright.dispatch', partitionCount: 1 }),
    undefined,
  ],
  ['no topics', { brokerCount: 3, topics: [] }, /^warning: there are no topics yet/],
  ['one broker', cluster({ replicaCount: 1, minInsyncReplicas: 1 }, 1), /^warning: there is one broker: .*$/],
  [
    'one copy',
    cluster({ replicaCount: 1, minInsyncReplicas: 1 }),
    /^bad: there is one copy of __consumer_offsets, lost/,
  ],
  [
    'one copy is enough',
    cluster({ minInsyncReplicas: 1 }),
    /^warning: min\.insync\.replicas of __consumer_offsets is 1:/,
  ],
  ['all copies are needed', cluster({ minInsyncReplicas: 3 }), /^warning: .* is the number of copies/],
  ['more than there are', cluster({ minInsyncReplicas: 4 }), /^bad: .* more than there are copies/],
  [
    'unclean elections',
    cluster({ uncleanElection: true }),
    /^bad: unclean\.leader\.election\.enable is true/,
  ],
  ['copies behind', cluster({ behindCount: 2 }), /^warning: copies of __consumer_offsets are behind/],
];

for (const [name, facts, wanted] of cases)
  test(`doctor on Kafka: ${name}`, () => {
    const config = deploymentShape.log.parse({ kind: 'kafka', brokers: ['kafka:9092'] });
    assert.ok(config.kind === 'kafka');
    const [first, ...others] = judgeKafka(config, facts);
    assert.equal(first?.state, 'good');
    const said = others.map(({ state, sentence }) => `${state}: ${sentence}`).join('\n');
    if (wanted) assert.match(said, wanted);
    else assert.equal(said, '');
  });
