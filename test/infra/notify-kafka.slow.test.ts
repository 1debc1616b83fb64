// Alerts as records of a topic: to a real Kafka, read by kafkajs' own consumer, and the broker killed meanwhile.
import { strict as assert } from 'node:assert';
import { after, test } from 'node:test';
import kafkajs from 'kafkajs';
import { alertsConfigSchema } from '../../alerts/config.js';
import type { Notifier } from '../../alerts/ports.js';
import { wallClock } from '../../domain/clock.js';
import { WorldError } from '../../domain/errors.js';
import { makeNotifiers } from '../../infra/notify/make-notifiers.js';
import { alertOf, noticeOf } from '../alerts/delivery-yard.js';
import { freshName } from '../conformance/log-parts.js';
import { startOwnKafka } from '../services/kafka.js';
import { eventually, freePort, skipWithout } from '../services/service.js';

const kafka = await startOwnKafka();
after(() => kafka?.stop());
const skip = skipWithout(kafka, 'Kafka');
const never = new AbortController().signal;
const brokers = kafka?.brokers ?? [];
const foreign = new kafkajs.Kafka({
  brokers: [...brokers, '127.0.0.1:1'],
  logLevel: kafkajs.logLevel.NOTHING,
});

async function makeTopic(numPartitions: number): Promise<string> {
  const topic = freshName('alerts');
  const admin = foreign.admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions, replicationFactor: 1 }],
  });
  await admin.disconnect();
  return topic;
}

function notifierOf(topic: string, over: object = {}): Notifier {
  const config = { kind: 'kafka', name: 'bus', topic, brokers: [...brokers], timeoutMs: '3s', ...over };
  const { notifiers } = alertsConfigSchema.parse({ notifiers: [config] });
  const deps = { logger: { info: () => {}, warn: () => {} }, clock: wallClock, publish: undefined };
  const notifier = makeNotifiers(notifiers, deps)[0] as Notifier;
  after(() => notifier.close?.());
  return notifier;
}

interface Got {
  readonly key: string;
  readonly partition: number;
  readonly value: { readonly dedupeKey: string; readonly sentence: string; readonly alert?: object };
  readonly timeMs: string;
}

/** All records of the topic, as another program reads them. */
async function readAll(topic: string, count: number): Promise<readonly Got[]> {
  const consumer = foreign.consumer({ groupId: freshName('reader') });
  const got: Got[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ partition, message: { key, value, headers } }) => {
      got.push({
        key: String(key),
        partition,
        value: JSON.parse(String(value)) as Got['value'],
        timeMs: String(headers?.timeMs),
      });
      return Promise.resolve();
    },
  });
  await eventually(async () => assert(got.length >= count, `${got.length} of ${count} records`), 60_000);
  await consumer.disconnect();
  return got;
}

const failureOf = (sent: Promise<void>): Promise<WorldError> =>
  sent.then(
    () => assert.fail('it was delivered'),
    (error: unknown) => {
      assert(error instanceof WorldError, String(error));
      return error;
    },
  );

test('each alert keeps to one partition, in order; groups have a key of their own', {
  skip,
  timeout: 300_000,
}, async () => {
  const topic = await makeTopic(4);
  const notifier = notifierOf(topic);
  const machines = Array.from({ length: 10 }, (_, index) => `Förderband ${index}`);
  for (let sequence = 0; sequence < 3; sequence++)
    for (const machine of machines) await notifier.send(noticeOf(alertOf(sequence, { machine })), never);
  const group = {
    ...noticeOf(alertOf(9)),
    group: { line: 'hot' },
    dedupeKey: 'a|0|["hot"]/7',
    summary: '1 alert',
  };
  await notifier.send(group, never);
  const got = await readAll(topic, 31);
  assert.equal(got.length, 31);
  assert(new Set(got.map(({ partition }) => partition)).size > 1, 'spread over partitions');
  for (const machine of machines) {
    const own = got.filter(({ key }) => key === `near/${machine}/1000`);
    assert.deepEqual(
      own.map(({ value }) => value),
      [0, 1, 2].map((sequence) => {
        const alert = alertOf(sequence, { machine });
        return { version: 1, dedupeKey: alert.dedupeKey, sentence: alert.summary, alert };
      }),
    );
    assert.deepEqual([new Set(own.map(({ partition }) => partition)).size, own[0]?.timeMs], [1, '1000']);
  }
  const together = got.find(({ key }) => key === '{"line":"hot"}');
  assert.deepEqual([together?.value.dedupeKey, together?.value.sentence], ['a|0|["hot"]/7', '1 alert']);
});

test('a topic that is missing, and nobody there, can be tried again; a stop ends the attempt', {
  skip,
  timeout: 300_000,
}, async () => {
  const missing = freshName('missing');
  const error = await failureOf(notifierOf(missing).send(noticeOf(alertOf(0)), never));
  assert.equal(error.retryable, true);
  assert.match(error.message, new RegExp(`^notifier "bus": topic ${missing}: .*${missing}`));
  const nobody = { brokers: [`127.0.0.1:${await freePort()}`], timeoutMs: '1s' };
  const away = await failureOf(notifierOf(missing, nobody).send(noticeOf(alertOf(0)), never));
  assert.deepEqual([away.code, away.retryable], ['unreachable', true]);
  const stop = new AbortController();
  const sent = notifierOf(missing, { ...nobody, timeoutMs: '1h' }).send(noticeOf(alertOf(0)), stop.signal);
  setTimeout(() => stop.abort(), 100);
  assert.deepEqual((await failureOf(sent)).code, 'closed');
});

test('the broker killed meanwhile: what was acknowledged is there, once', {
  skip,
  timeout: 600_000,
}, async () => {
  const topic = await makeTopic(1);
  const notifier = notifierOf(topic);
  const delivered: string[] = [];
  let failures = 0;
  const deliverAll = async (): Promise<void> => {
    for (let sequence = 0; sequence < 400; sequence++)
      for (;;)
        try {
          await notifier.send(noticeOf(alertOf(sequence)), never);
          delivered.push(alertOf(sequence).dedupeKey);
          break;
        } catch (error) {
          assert(error instanceof WorldError && error.retryable, String(error));
          failures++;
        }
  };
  const delivering = deliverAll();
  await eventually(async () => assert(delivered.length > 50), 60_000);
  await kafka?.kill();
  const before = delivered.length;
  await new Promise((resolve) => setTimeout(resolve, 4000));
  assert(delivered.length <= before + 1, 'nothing counts as delivered meanwhile');
  await kafka?.startAgain();
  await delivering;
  assert(failures > 0, 'somebody noticed');
  const keys = (await readAll(topic, 400)).map(({ value }) => value.dedupeKey);
  assert.deepEqual([...new Set(keys)], delivered, 'nothing lost, in order');
  assert(keys.length <= 400 + failures, `${keys.length - 400} were written twice in ${failures} failures`);
});
