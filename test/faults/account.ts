/** What a campaign came to: each effect once, as in an undisturbed run over the same inputs. */
import { computeLedger, type Ledger } from '../../app/ledger.js';
import { silentLogger } from '../../app/logger.js';
import { openStore } from '../../app/open-store.js';
import { openPredictors } from '../../app/predictors.js';
import { aggregateSize } from '../../domain/aggregate-view.js';
import type { Log, LogRecord } from '../../domain/log.js';
import type { StepRecord } from '../../domain/step.js';
import type { Store } from '../../domain/store.js';
import { decodeRecord, type TopicName, topics } from '../../domain/topics.js';
import { MemoryStore } from '../../infra/memory/store.js';
import { restoreState } from '../../stream/step-state-entries.js';
import { TypeClock } from '../../stream/type-clock.js';
import { replayInputs } from '../scenarios/recorded.js';
import { itemKeys } from './log-watch.js';
import type { Sender } from './sender.js';
import type { World } from './world.js';

/** Of two lists that should be the same: how long the wanted one is, and what only one of them holds. */
interface Difference {
  readonly wanted: number;
  readonly missing: number;
  readonly extra: number;
  /** Partitions in which the same things come in another order. */
  readonly disordered: number;
  /** Some of those that differ. */
  readonly examples: readonly string[];
}

export interface Account {
  readonly messages: number;
  readonly deliveries: number;
  readonly acknowledgedItems: number;
  readonly ledger: Ledger;
  /** Acknowledged by the broker, and not in the log. */
  readonly lost: readonly string[];
  /** In the log, and never sent. */
  readonly invented: readonly string[];
  /** Readings and events counted from the records, one by one: what the ledger must say. */
  readonly counted: Pick<Ledger, 'received' | 'accepted' | 'late'>;
  /** Steps, by machine, start and sensor, whose number of readings is not that of the accepted ones. */
  readonly miscounted: readonly string[];
  readonly steps: Difference;
  readonly forecasts: Difference;
  readonly alerts: Difference;
  readonly rejected: Difference;
  /** Results in InfluxDB against those in the log. */
  readonly stored: Difference;
  readonly notified: {
    readonly transitions: number;
    readonly missing: readonly string[];
    /** Told more than once: where the answer was lost. */
    readonly again: number;
  };
}

/** The plant stands still: everything sent has been through all stages. */
export async function takeAccount(world: World, log: Log, sender: Sender): Promise<Account> {
  const { deployment, pager } = world;
  const predictors = await openPredictors(deployment, silentLogger);
  try {
    const undisturbed = await replayInputs(deployment, predictors.byType, log);
    const items = await countItems(log);
    return {
      messages: sender.messages,
      deliveries: sender.deliveries,
      acknowledgedItems: sender.acknowledgedItems,
      ledger: await computeLedger(log),
      lost: sender.missingFrom(Infinity),
      invented: [...items.occurrences.keys()].filter((key) => !sender.keys.has(key) && !items.late.has(key)),
      counted: items.counted,
      miscounted: await findMiscounted(world, log, items.accepted),
      steps: await compareTopic(log, undisturbed, topics.steps),
      forecasts: await compareTopic(log, undisturbed, topics.forecasts),
      alerts: await compareTopic(log, undisturbed, topics.alerts),
      rejected: await compareTopic(log, undisturbed, topics.rejected),
      stored: await compareStores(world, log),
      notified: {
        transitions: pager.told.size,
        missing: await findUntold(world, log),
        again: [...pager.told.values()].filter((times) => times > 1).length,
      },
    };
  } finally {
    await predictors.close();
  }
}

/** Transitions that the pager should have been told of. The default route tells all but these. */
export async function findUntold({ pager }: World, log: Log): Promise<string[]> {
  return (await readAll(log, topics.alerts))
    .filter(({ transition }) => !['pending', 'cancelled', 'amended'].includes(transition))
    .map(({ dedupeKey }) => dedupeKey)
    .filter((key) => !pager.told.has(key));
}

/** Of the input as it was recorded: what happens to each item if each effect happens once. */
async function countItems(log: Log) {
  const occurrences = new Map<string, number>();
  const refused = new Map<string, number>();
  const add = (map: Map<string, number>, key: string) => void map.set(key, (map.get(key) ?? 0) + 1);
  for (const input of await readAll(log, topics.inputs))
    for (const key of itemKeys(input)) add(occurrences, key);
  const late = new Set<string>();
  const counted = { received: 0, accepted: 0, late: 0 };
  for (const count of occurrences.values()) counted.received += count;
  for (const { topic, machine, reason, payload } of await readAll(log, topics.rejected)) {
    if (topic !== '') {
      counted.received++; // refused by ingest, and not in `inputs`
      continue;
    }
    const item = JSON.parse(payload) as { sensor?: string; event?: string; code?: string; timeMs: number };
    const what = item.sensor ?? `${item.event}|${item.code}`;
    add(refused, `${machine}|${what}|${item.timeMs}`);
    if (reason !== 'late') continue;
    late.add(`${machine}|${what}|${item.timeMs}`);
    counted.late++;
  }
  // Time goes on: what was refused once is refused from then on. So it was accepted if it was not refused every time.
  const accepted = [...occurrences]
    .filter(([key, count]) => (refused.get(key) ?? 0) < count)
    .map(([key]) => key);
  counted.accepted = accepted.length;
  return { occurrences, late, accepted, counted };
}

/** The number of readings in each aggregate, counted from the accepted readings one by one. */
async function findMiscounted(
  { deployment }: World,
  log: Log,
  accepted: readonly string[],
): Promise<string[]> {
  const type = deployment.types.get('pump');
  if (type?.step.kind !== 'fixed') throw new Error('pumps have steps of fixed length');
  const { durationMs } = type.step;
  const wanted = new Map<string, number>();
  for (const item of accepted) {
    const [machine, sensor, time, ...more] = item.split('|');
    if (more.length > 0) continue; // an event
    const key = `${machine}|${Math.floor(Number(time) / durationMs) * durationMs}|${sensor}`;
    wanted.set(key, (wanted.get(key) ?? 0) + 1);
  }
  const counts = new Map<string, number>();
  const put = (machine: string, startMs: number, sensor: number, count: number) =>
    void counts.set(`${machine}|${startMs}|${type.sensors[sensor]?.name}`, count);
  for (const record of await readAll(log, topics.steps))
    if (record.kind === 'step' && record.final)
      record.sensors.forEach((sensor, i) => {
        put(record.machine, record.startMs, i, sensor?.count ?? 0);
      });
  for (const { partition } of await log.status(topics.inputs)) {
    const entries = [];
    for await (const entry of log.state('stream', { topic: topics.inputs, partition })) entries.push(entry);
    const { machines } = restoreState(entries, new Map([['pump', new TypeClock(type)]]));
    for (const machine of machines.values())
      for (const step of machine.steps)
        type.sensors.forEach((_, i) => {
          put(machine.id, step.startMs, i, step.aggregates[i * aggregateSize] ?? 0);
        });
  }
  return [...new Set([...wanted.keys(), ...counts.keys()])]
    .filter((key) => (wanted.get(key) ?? 0) !== (counts.get(key) ?? 0))
    .map((key) => `${key}: ${counts.get(key) ?? 0} counted, ${wanted.get(key) ?? 0} accepted`);
}

/** Records in order, partition by partition; where a record names the offset of another, its number stands in its place. */
export async function compareTopic(log: Log, undisturbed: Log, topic: TopicName): Promise<Difference> {
  const [found, wanted] = await Promise.all([log, undisturbed].map((one) => comparable(one, topic)));
  return differ(found ?? [], wanted ?? []);
}

async function comparable(log: Log, topic: TopicName): Promise<string[][]> {
  const steps = topic === topics.forecasts ? await ordinals(log, topics.steps) : undefined;
  const forecasts = topic === topics.alerts ? await ordinals(log, topics.forecasts) : undefined;
  const partitions: string[][] = [];
  for (const { partition } of await log.status(topic)) {
    const texts: string[] = [];
    for await (const record of log.read({ topic, partition }, 0)) {
      const value = decodeRecord(topic, record);
      if (value.kind === 'forecast')
        texts.push(JSON.stringify({ ...value, stepOffset: steps?.[partition]?.get(value.stepOffset) }));
      else if (value.kind === 'alert') {
        const { trace } = value;
        const forecastOffset = forecasts?.[partition]?.get(trace?.forecastOffset ?? -1);
        texts.push(JSON.stringify({ ...value, trace: trace && { ...trace, forecastOffset } }));
      } else if (value.kind !== 'rejected' || value.topic === '') texts.push(record.value.toString('latin1')); // ingest's own are no effect of the stages
    }
    partitions.push(texts);
  }
  return partitions;
}

/** Offset → number of the record in its partition. On Kafka offsets have gaps. */
async function ordinals(log: Log, topic: TopicName): Promise<Map<number, number>[]> {
  const partitions: Map<number, number>[] = [];
  for (const { partition } of await log.status(topic)) {
    const numbers = new Map<number, number>();
    for await (const { offset } of log.read({ topic, partition }, 0)) numbers.set(offset, numbers.size);
    partitions.push(numbers);
  }
  return partitions;
}

function differ(found: readonly (readonly string[])[], wanted: readonly (readonly string[])[]): Difference {
  let [missing, extra, disordered] = [0, 0, 0];
  const examples: string[] = [];
  wanted.forEach((texts, partition) => {
    const there = found[partition] ?? [];
    const counts = new Map<string, number>();
    for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
    for (const text of there) counts.set(text, (counts.get(text) ?? 0) - 1);
    const before = missing + extra;
    for (const [text, count] of counts) {
      if (count > 0) missing += count;
      if (count < 0) extra -= count;
      if (count !== 0 && examples.length < 10)
        examples.push(`${count > 0 ? 'missing' : 'extra'} in partition ${partition}: ${text.slice(0, 300)}`);
    }
    if (missing + extra === before && texts.some((text, i) => text !== there[i])) disordered++;
  });
  return { wanted: wanted.flat().length, missing, extra, disordered, examples };
}

/** What InfluxDB says, and what it should say by what the log holds. */
export async function compareStores({ deployment }: World, log: Log): Promise<Difference> {
  const wanted = new MemoryStore();
  const machines = new Set<string>();
  for (const record of await readAll(log, topics.steps)) {
    if (record.kind === 'tick') continue;
    machines.add(record.machine);
    if (record.kind === 'step') await write(wanted, { steps: [record] });
    else await write(wanted, { events: [record] });
  }
  for (const record of await readAll(log, topics.forecasts))
    if (record.kind === 'forecast') await write(wanted, { forecasts: [record] });
  await write(wanted, { alerts: await readAll(log, topics.alerts) });
  const { store } = await openStore(deployment, 'read-only');
  try {
    const names = [...machines].sort();
    return differ([await contentOf(store, names)], [await contentOf(wanted, names)]);
  } finally {
    await store.close();
  }
}

const nothing = { steps: [] as StepRecord[], forecasts: [], alerts: [], events: [] };

function write(store: Store, batch: Partial<Parameters<Store['write']>[0]>): Promise<void> {
  return store.write({ ...nothing, ...batch });
}

/** Everything that a store says. */
async function contentOf(store: Store, machines: readonly string[]): Promise<string[]> {
  const content: unknown[] = [...(await store.fleet())];
  for (const machine of machines)
    content.push(
      ...(await store.forecasts(machine)),
      ...(await store.steps(machine)),
      ...(await store.events(machine)),
    );
  for (const { alertId } of await store.alerts()) content.push(...(await store.alertHistory(alertId)));
  return content.map((one) => JSON.stringify(one, sortedKeys));
}

/** Keys in one order, whoever made the object. */
function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function readAll<T extends TopicName>(log: Log, topic: T) {
  const records = [];
  for (const { partition } of await log.status(topic))
    for await (const record of log.read({ topic, partition }, 0) as AsyncIterable<LogRecord>)
      records.push(decodeRecord(topic, record));
  return records;
}
