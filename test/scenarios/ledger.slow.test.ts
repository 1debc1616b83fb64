// The account of everything received, with kill -9 at random moments, while other processes read beside the plant: the
// program as its own process, real sockets, real disk. LEDGER_ROUNDS and LEDGER_SEED choose how often and which.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../../app/config.js';
import { computeLedger, type Ledger } from '../../app/ledger.js';
import { silentLogger } from '../../app/logger.js';
import { openPredictors } from '../../app/predictors.js';
import { aggregateSize } from '../../domain/aggregate-view.js';
import type { AlertRecord } from '../../domain/alert.js';
import { WorldError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { Log } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import type { StepRecord } from '../../domain/step.js';
import { decodeRecord, type TopicName, type TopicRecords, topics } from '../../domain/topics.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { openEmbeddedStore } from '../../infra/embedded/store.js';
import { readAccount, restoreState, sumLedgers } from '../../stream/step-state-entries.js';
import { TypeClock } from '../../stream/type-clock.js';
import {
  askPage,
  brokerOf,
  type MillwrightProcess,
  runMillwright,
  startMillwright,
} from './millwright-process.js';
import { hourMs, makePlant, removePlant, trainPumps } from './plant.js';
import { Publisher } from './publisher.js';
import { assertSameOutputs, replayInputs } from './recorded.js';
import { itemCount, type SentMessage, Traffic } from './traffic.js';

const rounds = Number(process.env.LEDGER_ROUNDS ?? 8);
const seed = Number(process.env.LEDGER_SEED ?? 1);
/** Messages without an acknowledgement at a time. */
const windowMax = 100;

/** What the sender knows: of every message how often it was handed to a socket, and whether it was acknowledged. */
class SentLedger {
  readonly deliveries = new Map<SentMessage, { sent: number; acknowledged: number }>();
  /** Items handed to a socket, deliveries counted each; and those acknowledged. */
  sentItems = 0;
  acknowledgedItems = 0;
  acknowledgedMessages = 0;

  sent(message: SentMessage): void {
    this.#of(message).sent++;
    this.sentItems += itemCount(message);
  }

  acknowledged(message: SentMessage): void {
    this.#of(message).acknowledged++;
    this.acknowledgedItems += itemCount(message);
    this.acknowledgedMessages++;
  }

  #of(message: SentMessage): { sent: number; acknowledged: number } {
    let known = this.deliveries.get(message);
    if (!known) {
      known = { sent: 0, acknowledged: 0 };
      this.deliveries.set(message, known);
    }
    return known;
  }
}

test(`kill -9 at ${rounds} random moments: everything acknowledged is accounted for once, and acted on once`, {
  timeout: 900_000,
}, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const plant = makePlant();
  t.after(() => removePlant(plant));
  const deployment = await trainPumps(plant);
  const rng = new Rng(seed);
  const traffic = new Traffic(rng.fork());
  const ledger = new SentLedger();
  const publisher = new Publisher<SentMessage>(
    (message) => ledger.sent(message),
    (message) => ledger.acknowledged(message),
  );
  const logDir = join(deployment.config.dataDir, 'log');
  let asked = 0;
  let killedWithOpen = 0;
  /** Reads of a whole topic that the kill has cut off, and records that were read until then. */
  const readers: Promise<number>[] = [];
  let readInMidKill = 0;
  let newest: MillwrightProcess | undefined;

  /** The identity at this moment, whatever the program is doing. */
  const check = (found: Ledger, atLeast: number): void => {
    const { received, accepted, rejected, duplicate, late, waiting } = found;
    const where = `${JSON.stringify(found)}, between ${atLeast} and ${ledger.sentItems}`;
    assert.equal(received, accepted + rejected + duplicate + late + waiting, where);
    for (const count of Object.values(found)) assert(count >= 0, where);
    assert(atLeast <= received && received <= ledger.sentItems, where);
    asked++;
  };
  const askFromOutside = async (): Promise<void> => {
    const log = await openEmbeddedLog({ dir: logDir, mode: 'read-only' });
    try {
      const atLeast = ledger.acknowledgedItems;
      check(await computeLedger(log), atLeast);
    } finally {
      await log.close();
    }
  };
  const askByCommand = async (): Promise<Ledger> => {
    const atLeast = ledger.acknowledgedItems;
    const { exitCode, stdout, stderr } = await runMillwright(t, ['ledger', '-c', plant.file, '--json']);
    assert.equal(exitCode, 0, stderr);
    const found = JSON.parse(stdout) as Ledger;
    check(found, atLeast);
    return found;
  };
  /** Publishes until `count` more messages are acknowledged. */
  const publishUntil = async (count: number): Promise<void> => {
    const wanted = ledger.acknowledgedMessages + count;
    while (ledger.acknowledgedMessages < wanted) {
      if (!publisher.connected) {
        newest?.kill('SIGTERM');
        assert.fail(`the broker has ended the connection: ${(await newest?.ended)?.stderr}`);
      }
      publisher.publish(traffic.next());
      if (publisher.openCount >= windowMax) await publisher.drained(rng.int(windowMax));
    }
  };

  for (let round = 0; round < rounds; round++) {
    const running = startMillwright(t, ['run', '-c', plant.file]);
    newest = running;
    if (round % 4 === 3) {
      // While it starts: opens its folders, restores its state, catches up.
      await sleep(300 + rng.int(900));
    } else {
      await publisher.connect(await brokerOf(running));
      if (round === 0) for (const message of traffic.opening()) publisher.publish(message);
      if (round === 0) await publisher.drained(0);
      let publishing = true;
      const asking = (async () => {
        while (publishing) {
          const atLeast = ledger.acknowledgedItems;
          check(await askPage(running), atLeast);
          await askFromOutside();
          if (rng.int(4) === 0) await askByCommand();
          await sleep(10);
        }
      })();
      const reading = readUntilEnd(await openEmbeddedLog({ dir: logDir, mode: 'read-only' }), topics.inputs);
      await publishUntil(50 + rng.int(1200));
      publishing = false;
      await asking;
      readers.push(reading);
      for (let left = rng.int(windowMax); left > 0; left--) publisher.publish(traffic.next());
      await sleep(rng.int(20));
      if (publisher.openCount > 0) killedWithOpen++;
    }
    running.kill('SIGKILL');
    const { signal, stderr } = await running.ended;
    assert.equal(signal, 'SIGKILL', `it ran until it was killed: ${stderr}`);
    publisher.cut();
    for (const reading of readers.splice(0)) readInMidKill += await reading;
    if (round % 4 === 1) await askByCommand();
    else await askFromOutside();
  }

  const running = startMillwright(t, ['run', '-c', plant.file]);
  newest = running;
  await publisher.connect(await brokerOf(running));
  await publishUntil(200);
  await publisher.drained(0);
  publisher.publish(traffic.clock());
  await publisher.drained(0);
  running.kill('SIGTERM');
  const end = await running.ended;
  assert.equal(end.exitCode, 0, end.stderr);
  publisher.cut();

  const found = await askByCommand();
  assert.equal(found.waiting, 0, 'after a tick nothing waits');
  const log = await openEmbeddedLog({ dir: logDir, mode: 'read-only' });
  try {
    const inputs = await readInputs(log);
    assertEndsWhereItMust(found, ledger, inputs);
    assertInLog(ledger, inputs);
    await assertAggregatedOnce(log, deployment, found, inputs);
    await assertNothingDoubled(log);
    await assertStored(log, deployment);
    const predictors = await openPredictors(deployment, silentLogger);
    try {
      const replayed = await replayInputs(deployment, predictors.byType, log);
      const counts = await assertSameOutputs(log, replayed);
      assert(counts.forecasts > 100 && counts.alerts > 20, JSON.stringify(counts));
      t.diagnostic(
        `${ledger.deliveries.size} messages, ${ledger.sentItems} items sent, ${JSON.stringify(found)}; ` +
          `killed ${killedWithOpen} times with messages open; asked ${asked} times; ` +
          `${readInMidKill} records read beside the plant until it was killed; ` +
          `${counts.forecasts} forecasts and events, ${counts.alerts} alert transitions`,
      );
    } finally {
      await predictors.close();
    }
  } finally {
    await log.close();
  }
});

/**
 * Reads a topic of the log over and over, until the process that has the log open is killed; returns the number of
 * records and closes the log. Whatever has been seen has followed without a gap, and the end is told.
 */
async function readUntilEnd(log: Log, topic: TopicName): Promise<number> {
  let count = 0;
  try {
    for (;;)
      for (const { partition } of await log.status(topic)) {
        let next = 0;
        for await (const { offset } of log.read({ topic, partition }, 0)) {
          assert.equal(offset, next++, topic);
          count++;
        }
      }
  } catch (error) {
    assert(error instanceof WorldError && error.code === 'unreachable', String(error));
    return count;
  } finally {
    await log.close();
  }
}

/** Items in the topic `inputs`: readings and events, as in SentMessage; how often each is there. */
interface Inputs {
  readonly readings: ReadonlyMap<string, number>;
  readonly events: ReadonlyMap<string, number>;
  readonly itemCount: number;
  /** Records of the topic `rejected` that ingest wrote. */
  readonly refusedByIngest: number;
}

async function readInputs(log: Log): Promise<Inputs> {
  const readings = new Map<string, number>();
  const events = new Map<string, number>();
  const count = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
  let items = 0;
  for (const input of await readTopic(log, topics.inputs)) {
    if (input.kind === 'event') {
      count(events, `${input.machine}|${input.event}|${input.code}|${input.eventTimeMs}`);
      items++;
    } else if (input.kind === 'readings')
      input.sensors.forEach((sensor, i) => {
        count(readings, `${input.machine}|${sensor}|${input.timesMs[i]}`);
        items++;
      });
  }
  const rejected = await readTopic(log, topics.rejected);
  return {
    readings,
    events,
    itemCount: items,
    refusedByIngest: rejected.filter(({ topic }) => topic !== '').length,
  };
}

/** Every count lies between once for each item and once for each delivery; what is exact is equal. */
function assertEndsWhereItMust(found: Ledger, { deliveries }: SentLedger, inputs: Inputs): void {
  const least = { received: 0, rejected: 0, late: 0 };
  const most = { received: 0, rejected: 0, late: 0 };
  const readings = new Set<string>();
  const events = new Set<string>();
  for (const [message, { sent, acknowledged }] of deliveries) {
    assert(acknowledged >= 1, `in the end all are acknowledged: ${message.payload}`);
    const items = { received: itemCount(message), rejected: message.rejected, late: message.late };
    for (const end of ['received', 'rejected', 'late'] as const) {
      least[end] += items[end] * acknowledged;
      most[end] += items[end] * sent;
    }
    for (const reading of message.readings) readings.add(reading);
    for (const event of message.events) events.add(event);
  }
  for (const end of ['received', 'rejected', 'late'] as const)
    assert(
      least[end] <= found[end] && found[end] <= most[end],
      `${end}: ${found[end]}, not between ${least[end]} and ${most[end]}`,
    );
  const untimed = [...inputs.readings.keys()].filter((key) => key.includes('|count|')).length;
  assert.equal(
    found.accepted,
    readings.size + events.size + untimed,
    'each reading and event is accepted once',
  );
  assert.equal(found.received, inputs.itemCount + inputs.refusedByIngest, 'received is what the log got');
}

/** Every reading and event that was acknowledged is there, no more often than it was sent. */
function assertInLog({ deliveries }: SentLedger, inputs: Inputs): void {
  const least = new Map<string, number>();
  const most = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, count: number): void =>
    void map.set(key, (map.get(key) ?? 0) + count);
  for (const [{ readings, events }, { sent, acknowledged }] of deliveries)
    for (const key of [...readings, ...events]) {
      add(least, key, acknowledged);
      add(most, key, sent);
    }
  for (const [key, count] of least) {
    const there = inputs.readings.get(key) ?? inputs.events.get(key) ?? 0;
    assert(
      count <= there && there <= (most.get(key) ?? 0),
      `${key}: ${there} times, acknowledged ${count}, sent ${most.get(key)}`,
    );
  }
}

/** The count of every aggregate is the number of different readings of that machine, step and sensor. */
async function assertAggregatedOnce(
  log: Log,
  { types }: Deployment,
  found: Ledger,
  inputs: Inputs,
): Promise<void> {
  const type = types.get('pump');
  assert(type);
  const counts = new Map<string, number>();
  const closed = new Map<string, StepRecord>();
  for (const record of await readTopic(log, topics.steps)) {
    if (record.kind !== 'step' || !record.final) continue;
    closed.set(`${record.machine}|${record.startMs}`, record);
    record.sensors.forEach((sensor, i) => {
      counts.set(`${record.machine}|${record.startMs}|${type.sensors[i]?.name}`, sensor?.count ?? 0);
    });
  }
  const ledgers = [];
  for (const { partition } of await log.status(topics.inputs)) {
    const entries = [];
    for await (const entry of log.state('stream', { topic: topics.inputs, partition })) entries.push(entry);
    const account = readAccount(entries);
    if (account) ledgers.push(account.readings);
    const { machines } = restoreState(entries, new Map([['pump', new TypeClock(type)]]));
    for (const machine of machines.values())
      for (const step of machine.steps)
        type.sensors.forEach(({ name }, i) => {
          const key = `${machine.id}|${step.startMs}|${name}`;
          const count = step.aggregates[i * aggregateSize] ?? 0;
          if (step.closed && !step.changed)
            assert.equal(
              counts.get(key),
              count,
              `the record of a closed step says what the state says: ${key}`,
            );
          counts.set(key, count);
        });
  }
  const wanted = new Map<string, number>();
  const earliestMs = 499_990 * hourMs;
  for (const key of inputs.readings.keys()) {
    const [machine, sensor, time] = key.split('|');
    if (Number(time) < earliestMs || Number(time) > 1_000_000 * hourMs) continue;
    const step = `${machine}|${Math.floor(Number(time) / hourMs) * hourMs}|${sensor}`;
    wanted.set(step, (wanted.get(step) ?? 0) + 1);
  }
  let sum = 0;
  for (const [key, count] of counts) {
    assert.equal(count, wanted.get(key) ?? 0, key);
    sum += count;
  }
  for (const key of wanted.keys()) assert(counts.has(key), `a step for ${key}`);
  const readings = sumLedgers(ledgers);
  assert.equal(sum, readings.accepted, 'every accepted reading is in exactly one aggregate');
  assert(readings.accepted < found.accepted, 'events were accepted too');
}

/** Offsets without gaps; one forecast per revision, revisions and sequences without gaps, one transition per key. */
async function assertNothingDoubled(log: Log): Promise<void> {
  for (const topic of [topics.inputs, topics.rejected, topics.forecasts, topics.alerts])
    for (const { partition, beginOffset, endOffset } of await log.status(topic)) {
      assert.equal(beginOffset, 0);
      let next = 0;
      for await (const { offset } of log.read({ topic, partition }, 0)) assert.equal(offset, next++, topic);
      assert.equal(next, endOffset, topic);
    }
  const revisions = new Map<string, number>();
  for (const record of await readTopic(log, topics.forecasts)) {
    if (record.kind !== 'forecast') continue;
    const key = `${record.machine}|${record.originMs}`;
    assert.equal(record.revision, revisions.get(key) ?? 0, `the next revision of ${key}`);
    revisions.set(key, record.revision + 1);
  }
  const sequences = new Map<string, number>();
  for (const { alertId, sequence, dedupeKey } of await readTopic(log, topics.alerts)) {
    assert.equal(dedupeKey, `${alertId}/${sequence}`);
    assert.equal(sequence, sequences.get(alertId) ?? 0, `the next transition of ${alertId}`);
    sequences.set(alertId, sequence + 1);
  }
}

/** The store has the newest revision of every forecast and every transition. */
async function assertStored(log: Log, { config }: Deployment): Promise<void> {
  const newest = new Map<string, ForecastRecord>();
  for (const record of await readTopic(log, topics.forecasts))
    if (record.kind === 'forecast') newest.set(`${record.machine}|${record.originMs}`, record);
  const histories = new Map<string, AlertRecord[]>();
  for (const record of await readTopic(log, topics.alerts))
    histories.set(record.alertId, [...(histories.get(record.alertId) ?? []), record]);
  const store = await openEmbeddedStore({ dir: join(config.dataDir, 'store'), mode: 'read-only' });
  try {
    const machines = new Set([...newest.values()].map(({ machine }) => machine));
    let count = 0;
    for (const machine of machines)
      for (const forecast of await store.forecasts(machine)) {
        assert.deepEqual(forecast, newest.get(`${machine}|${forecast.originMs}`));
        count++;
      }
    assert.equal(count, newest.size, 'forecasts in the store');
    for (const [alertId, history] of histories)
      assert.deepEqual(await store.alertHistory(alertId), history, alertId);
  } finally {
    await store.close();
  }
}

async function readTopic<T extends TopicName>(log: Log, topic: T): Promise<TopicRecords[T][]> {
  const records: TopicRecords[T][] = [];
  for (const { partition, beginOffset } of await log.status(topic))
    for await (const record of log.read({ topic, partition }, beginOffset))
      records.push(decodeRecord(topic, record));
  return records;
}
