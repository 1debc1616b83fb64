// What goes wrong with a real Kafka: a member that was taken for dead, a rebalance during a slow batch, records that are too
// large or gone by retention, other partitions than before.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { groups } from '../../app/groups.js';
import { computeLedger, type Ledger } from '../../app/ledger.js';
import { UserError, WorldError } from '../../domain/errors.js';
import type { Checkpoint, Consumer, Log } from '../../domain/log.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { encodeRecord, topicSpecs, topics } from '../../domain/topics.js';
import { Checkpoints, LostPartition } from '../../infra/kafka/checkpoints.js';
import { KafkaClient } from '../../infra/kafka/client.js';
import { kafkaLogConfigSchema } from '../../infra/kafka/config.js';
import { connectionConfig } from '../../infra/kafka/connection.js';
import { openKafkaLog } from '../../infra/kafka/log.js';
import { Names } from '../../infra/kafka/names.js';
import { Topics } from '../../infra/kafka/topics.js';
import { type Broker, makeWire } from '../../infra/kafka/wire.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { makeStepStage } from '../../stream/step-stage.js';
import {
  consumeCount,
  copying,
  freshName,
  newRecord,
  readTexts,
  textsOf,
  topicSpec,
} from '../conformance/log-parts.js';
import { startKafka } from '../services/kafka.js';
import { skipWithout } from '../services/service.js';

const kafka = await startKafka();
after(() => kafka?.stop());

describe('a real Kafka', { skip: skipWithout(kafka, 'Kafka'), timeout: 600_000 }, () => {
  const prefix = `faults-${process.pid}-`;
  const config = kafkaLogConfigSchema.parse({
    brokers: kafka?.brokers ?? ['127.0.0.1:1'],
    prefix,
    heartbeatMs: '300ms',
  });

  /** Members of one group, each with the only partition of a topic: as seen by one that has not heard of the others. */
  async function membersOfOnePartition(t: TestContext) {
    const [topic, group] = [freshName('topic'), freshName('group')];
    const log = await openKafkaLog({ config });
    const wire = makeWire(connectionConfig(config));
    const [client, admin] = [new KafkaClient(wire.cluster()), wire.admin()];
    const names = new Names(prefix);
    const settings = {
      replicationFactor: -1,
      minInsyncReplicas: undefined,
      compactionLagMs: 60_000,
      recordBytesMax: 1_000_000,
    };
    const topics = new Topics(admin, client, names, settings);
    t.after(async () => {
      await topics.close();
      await client.close();
      await log.close();
    });
    await log.ensureTopics([topicSpec(topic)]);
    const stateTopic = names.stateTopic(group, topic);
    const member = () =>
      new Checkpoints({
        client,
        names,
        group,
        partition: { topic, partition: 0 },
        producer: { retryMs: 60_000, transactionTimeoutMs: 60_000, compression: 0 },
        stateTopicExists: () => topics.exists(stateTopic),
        makeStateTopic: () => topics.ensureState(stateTopic, 2),
        confirmed: async () => {},
      });
    return { log, topic, group, member, client };
  }

  it('refuses a member that was taken for dead: nothing of it is written', async (t) => {
    const { log, topic, group, member } = await membersOfOnePartition(t);
    const zombie = member();
    await zombie.open();
    await zombie.commit(checkpoint(topic, 'first', 1));
    const successor = member();
    const found = await successor.open();
    assert.equal(found.offset?.nextOffset, 1);
    assert.equal(found.entries.get('by')?.toString(), 'first');
    await assert.rejects(zombie.commit(checkpoint(topic, 'zombie', 2)), LostPartition);
    await successor.commit(checkpoint(topic, 'second', 2));
    await assert.rejects(zombie.commit(checkpoint(topic, 'zombie again', 3)), LostPartition);
    assert.deepEqual(await readTexts(log, topic, 1), ['first', 'second']);
    assert.equal(await log.committed(group, { topic, partition: 0 }), 2);
  });

  for (const happened of [true, false])
    it(`a broker that answers with an error nobody expects, ${happened ? 'after' : 'before'} it ended a transaction: the checkpoint is there once`, async (t) => {
      const { log, topic, group, member, client } = await membersOfOnePartition(t);
      const one = member();
      await one.open();
      await one.commit(checkpoint(topic, 'first', 1));
      const coordinator = await client.coordinator(
        'transaction',
        new Names(prefix).transactionalId(group, { topic, partition: 0 }),
      );
      const endTxn = t.mock.method(
        coordinator,
        'endTxn',
        async (request: Parameters<Broker['endTxn']>[0]) => {
          endTxn.mock.restore();
          if (happened) await coordinator.endTxn(request);
          throw unexpectedServerError();
        },
      );
      await one.commit(checkpoint(topic, 'second', 2));
      assert.equal(endTxn.mock.callCount(), 1);
      assert.deepEqual(await readTexts(log, topic, 1), ['first', 'second']);
    });

  it('gives two members that begin together one first checkpoint', async (t) => {
    const [topic, group] = [freshName('topic'), freshName('group')];
    const logs = await Promise.all([openKafkaLog({ config }), openKafkaLog({ config })]);
    t.after(() => Promise.all(logs.map((log) => log.close())));
    const [one, two] = logs as [Log, Log];
    const output = freshName('output');
    await one.ensureTopics([topicSpec(topic), topicSpec(output)]);
    await one.append(Array.from({ length: 40 }, (_, i) => newRecord(topic, i % 2, `${i}`)));
    const consumers = [one, two].map((log) => copying(log, { group, topic, to: output }));
    await Promise.all(consumers.map((consumer) => consumer.close({ drain: true })));
    await copying(one, { group, topic, to: output }).close({ drain: true });
    assert.deepEqual(await sortedNumbers(one, output), numbers(40));
  });

  it('moves partitions during slow batches, and every output is there once', async (t) => {
    const [topic, output, group] = [freshName('topic'), freshName('output'), freshName('group')];
    // Logs of their own, as in processes of their own: nothing but Kafka keeps them apart.
    const logs = await Promise.all([1, 2, 3].map(() => openKafkaLog({ config })));
    t.after(() => Promise.all(logs.map((log) => log.close())));
    const [first] = logs as [Log, Log, Log];
    await first.ensureTopics([
      topicSpec(topic, { partitionCount: 4 }),
      topicSpec(output, { partitionCount: 4 }),
    ]);
    await first.append(Array.from({ length: 240 }, (_, i) => newRecord(topic, i % 4, `${i}`)));
    const consumers: Consumer[] = [];
    for (const log of logs) {
      consumers.push(copying(log, { group, topic, to: output }, { delayMs: 150 }));
      await sleep(700);
    }
    // The second leaves in the middle.
    await consumers[1]?.close();
    await Promise.all([consumers[0], consumers[2]].map((consumer) => consumer?.close({ drain: true })));
    await copying(first, { group, topic, to: output }).close({ drain: true });
    assert.deepEqual(await sortedNumbers(first, output, 4), numbers(240));
  });

  it('says which record is too large, and takes those after it', async (t) => {
    const topic = freshName('topic');
    const log = await openKafkaLog({ config: { ...config, recordBytesMax: 100_000 } });
    t.after(() => log.close());
    await log.ensureTopics([topicSpec(topic)]);
    await assert.rejects(
      log.append([newRecord(topic, 0, 'large', { value: Buffer.alloc(300_000) })]),
      (error) => error instanceof WorldError && error.code === 'too-large' && !error.retryable,
    );
    await log.append([newRecord(topic, 0, 'small')]);
    assert.deepEqual(await readTexts(log, topic, 0), ['small']);
  });

  it('refuses other partitions than before with what to do', async (t) => {
    const topic = freshName('topic');
    const log = await openKafkaLog({ config });
    t.after(() => log.close());
    await log.ensureTopics([topicSpec(topic, { partitionCount: 2 })]);
    const admin = makeWire(connectionConfig(config)).admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic: prefix + topic, count: 3 }] });
    await admin.disconnect();
    const again = await openKafkaLog({ config });
    t.after(() => again.close());
    await assert.rejects(
      again.ensureTopics([topicSpec(topic, { partitionCount: 2 })]),
      (error) =>
        error instanceof UserError &&
        /3 partitions/.test(error.message) &&
        /set partitions to 3/.test(error.message),
    );
  });

  it('goes on where the log begins when retention took what a group had not read, and says how much', async (t) => {
    const [topic, group] = [freshName('topic'), freshName('group')];
    const notices: string[] = [];
    const observer = { onNotice: (text: string) => notices.push(text), onProblem() {}, onRebalance() {} };
    const log = await openKafkaLog({ config, observer });
    t.after(() => log.close());
    await log.ensureTopics([topicSpec(topic, { partitionCount: 1 })]);
    await log.append(['a', 'b'].map((text) => newRecord(topic, 0, text)));
    await read(log, group, topic, 2);
    await log.append(['c', 'd', 'e'].map((text) => newRecord(topic, 0, text)));
    const admin = makeWire(connectionConfig(config)).admin();
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [prefix + topic] }); // kafkajs looks for leaders in what it knows
    await admin.deleteTopicRecords({ topic: prefix + topic, partitions: [{ partition: 0, offset: '4' }] });
    await admin.disconnect();
    assert.deepEqual(await read(log, group, topic, 1), ['e']);
    assert.equal(notices.length, 1);
    assert.match(notices[0] ?? '', /begins at 4 now: 2 records went by retention/);
  });
});

describe('the ledger on a real Kafka', { skip: skipWithout(kafka, 'Kafka'), timeout: 300_000 }, () => {
  it('counts records, not the marks of transactions', async (t) => {
    const config = kafkaLogConfigSchema.parse({
      brokers: kafka?.brokers ?? ['127.0.0.1:1'],
      prefix: `ledger-${process.pid}-`,
      heartbeatMs: '300ms',
    });
    const onKafka = await openKafkaLog({ config });
    const inMemory = new MemoryLog();
    t.after(() => Promise.all([onKafka.close(), inMemory.close()]));
    const [found, wanted] = await Promise.all([onKafka, inMemory].map(ledgerAfterLateReadings));
    assert.deepEqual(found, wanted);
    assert(wanted && wanted.late > 0 && wanted.accepted > 0 && wanted.rejected > 0, JSON.stringify(wanted));
  });
});

const hourMs = 3_600_000;

function checkpoint(topic: string, text: string, nextOffset: number): Checkpoint {
  return {
    nextOffset,
    outputs: [newRecord(topic, 1, text)],
    state: [{ key: 'by', value: Buffer.from(text) }],
  };
}

/** As kafkajs makes it of an answer with code -1. */
function unexpectedServerError(): Error {
  const { createErrorFromCode } = createRequire(import.meta.url)('kafkajs/src/protocol/error');
  return createErrorFromCode(-1);
}

/** Readings of three days, one of them a day late each time, one refused by ingest. */
async function ledgerAfterLateReadings(log: Log): Promise<Ledger> {
  await log.ensureTopics(topicSpecs(1, Infinity));
  const place = { machine: 'pump-1', type: 'pump', site: '', line: '' };
  const readings = (timeMs: number, ingestTimeMs: number) =>
    encodeRecord(topics.inputs, 0, {
      kind: 'readings',
      ...place,
      ingestTimeMs,
      sensors: ['a'],
      timesMs: [timeMs],
      values: [1],
    });
  const tick = (timeMs: number) => encodeRecord(topics.inputs, 0, { kind: 'tick', timeMs });
  const records = Array.from({ length: 72 }, (_, hour) => hour * hourMs).flatMap((timeMs) => [
    readings(timeMs, timeMs),
    tick(timeMs),
    ...(timeMs > 60 * hourMs ? [readings(hourMs, timeMs)] : []),
  ]);
  await log.append([
    ...records,
    encodeRecord(topics.rejected, 0, {
      kind: 'rejected',
      reason: 'not-json',
      detail: '',
      machine: '',
      topic: 't',
      payload: '{',
      ingestTimeMs: 0,
    }),
  ]);
  const type = machineTypeSchema.parse({
    name: 'pump',
    sensors: [{ name: 'a' }],
    step: { kind: 'fixed', durationMs: '1h' },
    revisionSteps: 10,
  });
  await log
    .consume({
      group: groups.stream,
      topics: [topics.inputs],
      batchRecordsMax: 10,
      from: 'beginning',
      handlerFor: makeStepStage({ types: new Map([['pump', type]]), checkpointRecordsMax: 20 }),
    })
    .close({ drain: true });
  return computeLedger(log);
}

async function read(log: Log, group: string, topic: string, count: number): Promise<string[]> {
  return textsOf(await consumeCount(log, { group, topic, count }));
}

async function sortedNumbers(log: Log, topic: string, partitionCount = 2): Promise<number[]> {
  const all: number[] = [];
  for (let partition = 0; partition < partitionCount; partition++)
    all.push(...(await readTexts(log, topic, partition)).map(Number));
  return all.sort((a, b) => a - b);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
