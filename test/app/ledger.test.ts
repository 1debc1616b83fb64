// The account of everything received, asked at every moment: while messages come in and checkpoints move under it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { groups } from '../../app/groups.js';
import { computeLedger, type Ledger } from '../../app/ledger.js';
import { formatLedger } from '../../app/terminal/ledger-line.js';
import type { EventRecord, InputRecord, RejectedRecord } from '../../domain/input.js';
import type { Consumer, Log, NewRecord } from '../../domain/log.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import { encodeRecord, topicSpecs, topics } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { makeStepStage } from '../../stream/step-stage.js';

const hourMs = 3_600_000;
const partitionCount = 2;
const type = machineTypeSchema.parse({
  name: 'pump',
  sensors: [{ name: 'a' }],
  eventCodes: ['e1'],
  step: { kind: 'fixed', durationMs: '1h' },
});

function readings(machine: string, sensors: string[], timesMs: number[], ingestTimeMs: number): InputRecord {
  const place = { machine, type: 'pump', site: '', line: '' };
  return { kind: 'readings', ...place, ingestTimeMs, sensors, timesMs, values: sensors.map(() => 1) };
}

function errorEvent(machine: string, code: string, timeMs: number): EventRecord {
  const place = { machine, type: 'pump', site: '', line: '' };
  return {
    kind: 'event',
    event: 'error',
    ...place,
    eventTimeMs: timeMs,
    ingestTimeMs: timeMs,
    code,
    by: '',
    comment: '',
  };
}

const unreadable: RejectedRecord = {
  kind: 'rejected',
  reason: 'not-json',
  detail: '',
  machine: '',
  topic: 't',
  payload: '{',
  ingestTimeMs: 0,
};

function consume(log: Log, batchRecordsMax = 3): Consumer {
  const handlerFor = makeStepStage({ types: new Map([['pump', type]]), checkpointRecordsMax: 2 });
  return log.consume({
    group: groups.stream,
    topics: [topics.inputs],
    batchRecordsMax,
    from: 'beginning',
    handlerFor,
  });
}

async function openLog(): Promise<Log> {
  const log = new MemoryLog();
  await log.ensureTopics(topicSpecs(partitionCount, Infinity));
  return log;
}

function sum({ accepted, rejected, duplicate, late, waiting }: Ledger): number {
  return accepted + rejected + duplicate + late + waiting;
}

test('readings, events and unreadable messages each end in one place; before the stream stage has run they wait', async () => {
  const log = await openLog();
  const now = 1_000 * hourMs;
  const input = (record: InputRecord) => encodeRecord(topics.inputs, 1, record);
  const tick: InputRecord = { kind: 'tick', timeMs: now };
  await log.append([
    input(tick),
    input(readings('p', ['a', 'a', 'b'], [now, now, now], now)), // accepted, duplicate, rejected
    input(readings('p', ['a'], [now - 100 * hourMs], now)), // late
    input(errorEvent('p', 'e1', now)), // accepted
    input(errorEvent('p', 'e1', now)), // duplicate
    input(errorEvent('p', 'e1', now - 100 * hourMs)), // late
    input(errorEvent('p', 'e2', now)), // rejected
    encodeRecord(topics.rejected, 0, unreadable),
    input({ ...tick, timeMs: now + 1 }),
  ]);
  const before = { received: 9, accepted: 0, rejected: 1, duplicate: 0, late: 0, waiting: 8 };
  assert.deepEqual(await computeLedger(log), before);
  await consume(log).close({ drain: true });
  const after = { received: 9, accepted: 2, rejected: 3, duplicate: 2, late: 2, waiting: 0 };
  assert.deepEqual(await computeLedger(log), after);
  assert.equal(
    formatLedger(after),
    'every reading and event accounted for: 9 received = 2 accepted + 3 rejected + 2 duplicate + 2 late',
  );
  await log.close();
});

test('nothing waits after a clean stop, also without a tick at the end', async () => {
  const log = await openLog();
  const now = 1_000 * hourMs;
  await log.append([encodeRecord(topics.inputs, 1, readings('p', ['a'], [now], now))]);
  await consume(log).close({ drain: true });
  const ledger = { received: 1, accepted: 1, rejected: 0, duplicate: 0, late: 0, waiting: 0 };
  assert.deepEqual(await computeLedger(log), ledger);
  // What was counted at the stop is not counted again.
  await log.append([encodeRecord(topics.inputs, 1, readings('p', ['a'], [now], now))]);
  await consume(log).close({ drain: true });
  assert.deepEqual(await computeLedger(log), { ...ledger, received: 2, duplicate: 1 });
  await log.close();
});

/** A log whose answers come a little later, as they do from Kafka: checkpoints are made between any two. */
function slowed(log: Log, rng: Rng): Log {
  const pause = async (): Promise<void> => {
    for (let turns = rng.int(4); turns > 0; turns--) await turn();
  };
  const slow: Pick<Log, 'status' | 'committed' | 'state' | 'read'> = {
    status: async (topic) => {
      await pause();
      const status = await log.status(topic);
      await pause();
      return status;
    },
    committed: async (group, partition) => {
      await pause();
      return log.committed(group, partition);
    },
    async *state(group, partition, keyPrefix) {
      await pause();
      yield* log.state(group, partition, keyPrefix);
      await pause();
    },
    async *read(partition, fromOffset, toOffset) {
      await pause();
      yield* log.read(partition, fromOffset, toOffset);
    },
  };
  return Object.assign(Object.create(log) as Log, slow);
}

test('at every moment what was received before the question is in, and nothing that was not sent', async () => {
  let asked = 0;
  let moved = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const rng = new Rng(seed);
    const log = await openLog();
    const consumer = consume(log);
    const slow = slowed(log, rng.fork());
    let sent = 0;
    let acknowledged = 0;
    let ended = false;
    let nowMs = 1_000 * hourMs;
    const send = async (): Promise<void> => {
      for (let round = 0; round < 150; round++) {
        nowMs += rng.int(hourMs / 4);
        const records: NewRecord[] = [];
        let items = 0;
        const add = (record: InputRecord, count: number): void => {
          records.push(encodeRecord(topics.inputs, rng.int(partitionCount), record));
          items += count;
        };
        const timeMs = () => (rng.uniform() < 0.1 ? nowMs - 50 * hourMs : nowMs - rng.int(3));
        for (let count = rng.int(4); count > 0; count--)
          add(readings('p', ['a', rng.uniform() < 0.9 ? 'a' : 'b'], [timeMs(), timeMs()], nowMs), 2);
        if (rng.uniform() < 0.5) add(errorEvent('p', rng.uniform() < 0.5 ? 'e1' : 'e2', timeMs()), 1);
        if (rng.uniform() < 0.3) {
          records.push(encodeRecord(topics.rejected, rng.int(partitionCount), unreadable));
          items++;
        }
        if (rng.uniform() < 0.2) add({ kind: 'tick', timeMs: nowMs }, 0);
        sent += items;
        await log.append(records);
        acknowledged += items;
        for (let turns = rng.int(9); turns > 0; turns--) await turn();
      }
      ended = true;
    };
    const ask = async (): Promise<void> => {
      while (!ended) {
        const from = acknowledged;
        const committedBefore = await log.committed(groups.stream, { topic: topics.inputs, partition: 0 });
        const ledger = await computeLedger(slow);
        const where = `seed ${seed}: ${JSON.stringify(ledger)}, between ${from} and ${sent}`;
        assert.equal(sum(ledger), ledger.received, where);
        assert(from <= ledger.received && ledger.received <= sent, where);
        for (const [end, count] of Object.entries(ledger)) assert(count >= 0, `${end}: ${where}`);
        asked++;
        const committed = await log.committed(groups.stream, { topic: topics.inputs, partition: 0 });
        if (committed !== committedBefore) moved++;
      }
    };
    await Promise.all([send(), ask()]);
    await consumer.close({ drain: true });
    assert.equal((await computeLedger(log)).received, sent, 'at rest it is what was sent');
    await log.close();
  }
  assert(asked > 100 && moved > asked / 4, `asked ${asked} times, checkpoints came between ${moved} times`);
});
