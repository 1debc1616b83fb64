// The simulated factory: the same seed gives the same bytes, and what it says agrees with its labels and its settings.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type Factory, factorySchema, loadFactory, makeFactory } from '../../app/simulate/factory-config.js';
import {
  factoryDataset,
  type SimulatedMessage,
  simulateFactory,
} from '../../app/simulate/simulate-factory.js';
import { type Label, loadAt } from '../../app/simulate/simulated-machine.js';
import type { DatasetRecord } from '../../domain/dataset.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { historyOf } from './simulated-history.js';

const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);

/** The shipped factory with some settings changed. */
function factoryWith(change: Readonly<Record<string, unknown>>): Factory {
  const shipped = loadFactory('examples/simulated/factory.yaml', {});
  const { startAt, ...rest } = shipped.config;
  const asWritten = {
    ...rest,
    startAt: new Date(startAt).toISOString(),
    everyMs: `${rest.everyMs}ms`,
    repairMs: `${rest.repairMs}ms`,
    ...change,
    trouble: {
      ...rest.trouble,
      delayMs: `${rest.trouble.delayMs}ms`,
      gatewayOutageMs: `${rest.trouble.gatewayOutageMs}ms`,
      skewMs: `${rest.trouble.skewMs}ms`,
      sensorFaultMs: `${rest.trouble.sensorFaultMs}ms`,
      ...(change.trouble as object | undefined),
    },
  };
  return makeFactory(factorySchema.parse(asWritten), shipped.type);
}

const calm = { gatewayOutagesPerMonth: 0, skewedShare: 0, duplicateShare: 0, sensorFaultsPerMonth: 0 };

function run(factory: Factory): { messages: SimulatedMessage[]; labels: Label[] } {
  const messages: SimulatedMessage[] = [];
  const labels: Label[] = [];
  for (const item of simulateFactory(factory))
    if (item.kind === 'message') messages.push(item);
    else labels.push(item.label);
  return { messages, labels };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const lives = (labels: readonly Label[]): Extract<Label, { kind: 'life' }>[] =>
  labels.filter((label) => label.kind === 'life');

test('the same seed gives the same bytes; another seed gives others', () => {
  const digest = (seed: number): string => {
    const hash = createHash('sha256');
    for (const item of simulateFactory(factoryWith({ seed, days: 40, machines: 12 })))
      hash.update(JSON.stringify(item));
    return hash.digest('hex');
  };
  assert.equal(digest(7), digest(7));
  assert.notEqual(digest(7), digest(8));
});

test("a machine's story does not depend on how many others there are", () => {
  const few = historyOf(factoryWith({ machines: 3, days: 30 })).records;
  const many = historyOf(factoryWith({ machines: 9, days: 30 })).records;
  const third = (records: readonly DatasetRecord[]): DatasetRecord[] =>
    records.filter((record) => record.machine === 'press-003');
  assert.ok(third(few).length > 600);
  assert.deepEqual(third(many), third(few));
});

test('history is in time order, and messages are in the order of their arrival', () => {
  const factory = factoryWith({ days: 60 });
  const { records } = historyOf(factory);
  for (let i = 1; i < records.length; i++)
    assert.ok((records[i]?.timeMs ?? 0) >= (records[i - 1]?.timeMs ?? 0));
  const { messages } = run(factory);
  for (let i = 1; i < messages.length; i++)
    assert.ok((messages[i]?.timeMs ?? 0) >= (messages[i - 1]?.timeMs ?? 0));
});

test('without trouble every record arrives once, in its own words, after a short delay', () => {
  const factory = factoryWith({ days: 20, trouble: calm });
  const { messages, labels } = run(factory);
  const { records } = historyOf(factory);
  assert.equal(messages.length, records.length);
  assert.deepEqual(new Set(labels.map((label) => label.kind)), new Set(['life']));
  const delays = messages.map((message) => message.timeMs - JSON.parse(message.payload).time);
  assert.ok(Math.min(...delays) >= 0);
  assert.ok(Math.abs(mean(delays) - 500) < 30, `mean delay ${mean(delays)} ms, 500 were asked for`);
  const [first] = messages;
  assert.match(first?.topic ?? '', /^factory\/north\/line-[12]\/press-0\d\d$/);
  assert.deepEqual(Object.keys(JSON.parse(first?.payload ?? '')), [
    'time',
    'vibration',
    'temperature',
    'pressure',
    'current',
    'speed',
  ]);
});

test('failures, labels and the data set tell one story, and no machine reads while it stands still', () => {
  const factory = factoryWith({ days: 365 });
  const { records, labels } = historyOf(factory);
  const failures = records.filter((record) => record.kind === 'event' && record.event === 'failure');
  const failed = lives(labels).filter((life) => life.end === 'failed');
  assert.ok(failures.length > 60, `${failures.length} failures`);
  assert.deepEqual(
    failures
      .map((record) => `${record.machine} ${record.timeMs} ${record.kind === 'event' ? record.code : ''}`)
      .sort(),
    failed.map((life) => `${life.machine} ${life.endMs} ${life.fault}`).sort(),
  );
  assert.deepEqual(
    factoryDataset(factory).machines.map((machine) => [machine.machine, machine.failuresMs]),
    Array.from({ length: 20 }, (_, i) => `press-${String(i + 1).padStart(3, '0')}`).map((machine) => [
      machine,
      failed.filter((life) => life.machine === machine).map((life) => life.endMs),
    ]),
  );
  for (const machine of ['press-001', 'press-010', 'press-020']) {
    const own = records.filter((record) => record.machine === machine);
    let standsStill = '';
    for (const record of own) {
      if (record.kind === 'event' && record.event === 'failure') standsStill = record.code;
      else if (standsStill !== '') {
        assert.deepEqual([record.kind, record.kind === 'event' ? record.code : ''], ['event', standsStill]);
        standsStill = '';
      }
    }
    // Lives follow one another without overlap.
    const own2 = lives(labels).filter((life) => life.machine === machine);
    for (let i = 1; i < own2.length; i++) assert.ok((own2[i]?.startMs ?? 0) >= (own2[i - 1]?.endMs ?? 0));
  }
});

test('lives follow the Weibull distribution that was asked for', () => {
  const factory = factoryWith({
    machines: 200,
    days: 400,
    everyMs: '12h',
    maintenance: { everyDays: 30, kind: 'service', detectShare: 0 },
  });
  const { labels } = historyOf(factory);
  // First lives began before the simulation; lives that began late are cut off: take those that began in the first half.
  const whole = lives(labels).filter(
    (life) => life.startMs > startMs && life.startMs < startMs + 200 * dayMs,
  );
  assert.ok(whole.length > 400, `${whole.length} lives`);
  assert.ok(whole.every((life) => life.end === 'failed'));
  const days = whole.map((life) => (life.endMs - life.startMs) / dayMs);
  // Mean of Weibull(scale 70, shape 4) is 70 Γ(1.25) = 63.4, its standard deviation 17.8: error of the mean under 1.
  assert.ok(Math.abs(mean(days) - 63.4) < 3, `mean life ${mean(days)} days`);
  const sd = Math.sqrt(mean(days.map((day) => (day - mean(days)) ** 2)));
  assert.ok(Math.abs(sd - 17.8) < 2.5, `standard deviation ${sd} days`);
});

test('sensors show the coming fault, the load and nothing but them', () => {
  const factory = factoryWith({ machines: 60, days: 200, everyMs: '3h', trouble: calm });
  const { records, labels } = historyOf(factory);
  const bearing = lives(labels).filter((life) => life.fault === 'bearing' && life.end === 'failed');
  const vibration = (fromDays: number, toDays: number): number[] =>
    bearing.flatMap((life) =>
      records.flatMap((record) =>
        record.kind === 'readings' &&
        record.machine === life.machine &&
        loadAt(record.timeMs) === 1 &&
        record.timeMs < life.endMs - fromDays * dayMs &&
        record.timeMs >= Math.max(life.startMs, life.endMs - toDays * dayMs)
          ? [record.values.vibration ?? Number.NaN]
          : [],
      ),
    );
  const [healthy, week, lastDay] = [vibration(40, 60), vibration(6, 8), vibration(0, 0.5)].map(mean);
  // base 3 + dirt (mean .15); a week ahead e^-1 × 9 more, in the last half day about 8.7 more.
  assert.ok(Math.abs((healthy ?? 0) - 3.15) < 0.2, `healthy ${healthy}`);
  assert.ok(Math.abs((week ?? 0) - (3.15 + 9 * Math.exp(-1))) < 0.5, `a week ahead ${week}`);
  assert.ok(Math.abs((lastDay ?? 0) - (3.15 + 8.7)) < 0.6, `last day ${lastDay}`);
  const speeds = (load: number): number =>
    mean(
      records.flatMap((record) =>
        record.kind === 'readings' && loadAt(record.timeMs) === load
          ? [record.values.speed ?? Number.NaN]
          : [],
      ),
    );
  assert.ok(Math.abs(speeds(1) - 1500) < 2);
  assert.ok(Math.abs(speeds(0.6) - 900) < 2);
});

test('errors come seldom from healthy machines and often before their own fault', () => {
  const factory = factoryWith({ machines: 60, days: 200 });
  const { records, labels } = historyOf(factory);
  const codes = { bearing: 'E1', seal: 'E2', motor: 'E3' } as Record<string, string>;
  let own = 0;
  let other = 0;
  for (const life of lives(labels).filter((candidate) => candidate.end === 'failed'))
    for (const record of records)
      if (record.kind === 'event' && record.event === 'error' && record.machine === life.machine)
        if (record.timeMs < life.endMs && record.timeMs >= life.endMs - 7 * dayMs)
          if (record.code === codes[life.fault]) own++;
          else other++;
  assert.ok(own > 20 * other, `${own} errors of the fault itself, ${other} of others in the last week`);
});

test('a gateway that was offline sends its backlog afterwards, in order or not, and loses nothing', () => {
  const trouble = { ...calm, delayMs: '0s', gatewayOutagesPerMonth: 10 };
  const lateness: Record<string, number> = {};
  for (const backlog of ['in-order', 'shuffled']) {
    const factory = factoryWith({ days: 60, trouble: { ...trouble, backlog } });
    const { messages, labels } = run(factory);
    assert.equal(messages.length, historyOf(factory).records.length);
    const outages = labels.filter((label) => label.kind === 'gateway');
    assert.ok(outages.length > 15, `${outages.length} outages`);
    for (const message of messages) {
      const { time } = JSON.parse(message.payload) as { time: number };
      const line = message.topic.split('/')[2];
      const outage = outages.find(
        (label) => label.line === line && time >= label.startMs && time < label.endMs,
      );
      if (outage === undefined) assert.ok(message.timeMs - time <= 1);
      else assert.ok(message.timeMs >= outage.endMs);
    }
    let newest = 0;
    let backwards = 0;
    for (const message of messages.filter((candidate) =>
      candidate.topic.startsWith('factory/north/line-1/'),
    )) {
      const { time } = JSON.parse(message.payload) as { time: number };
      if (time < newest) backwards++;
      newest = Math.max(newest, time);
    }
    lateness[backlog] = backwards;
  }
  assert.ok((lateness.shuffled ?? 0) > 100 && (lateness['in-order'] ?? 0) < 10, JSON.stringify(lateness));
});

test('duplicates are the same bytes; wrong clocks are labelled; silent sensors are missing and stuck ones stand still', () => {
  const twice = run(factoryWith({ days: 30, trouble: { ...calm, duplicateShare: 0.05 } })).messages;
  const distinct = new Set(twice.map((message) => `${message.topic} ${message.payload}`)).size;
  assert.ok(Math.abs((twice.length - distinct) / distinct - 0.05) < 0.01);

  const skewed = run(
    factoryWith({ days: 3, trouble: { ...calm, delayMs: '0s', skewedShare: 0.5, skewMs: '10m' } }),
  );
  const skews = new Map(
    skewed.labels.flatMap((label) => (label.kind === 'clock' ? [[label.machine, label.skewMs]] : [])),
  );
  assert.ok(skews.size > 3 && skews.size < 17);
  for (const message of skewed.messages) {
    const machine = message.topic.split('/')[3] ?? '';
    const off = (JSON.parse(message.payload) as { time: number }).time - message.timeMs;
    assert.ok(Math.abs(off - (skews.get(machine) ?? 0)) <= 1, `${machine} is off by ${off} ms`);
  }

  const { records, labels } = historyOf(
    factoryWith({ days: 60, trouble: { ...calm, sensorFaultsPerMonth: 5 } }),
  );
  const troubles = labels.filter((label) => label.kind === 'sensor');
  assert.ok(troubles.length > 100);
  for (const label of troubles) {
    const inside = records.flatMap((record) =>
      record.kind === 'readings' &&
      record.machine === label.machine &&
      record.timeMs >= label.startMs &&
      record.timeMs < label.endMs
        ? [record.values[label.sensor]]
        : [],
    );
    if (label.trouble === 'silent') assert.ok(inside.every((value) => value === undefined));
    else assert.equal(new Set(inside).size, 1);
  }
});

test('100,000 machines of any type are generated lazily, without a profile', () => {
  const type = machineTypeSchema.parse({
    name: 'pump',
    sensors: Array.from({ length: 10 }, (_, i) => ({ name: `s${i}`, min: 0, max: 100 })),
  });
  const factory = makeFactory(
    factorySchema.parse({ machineType: '-', machines: 100_000, machinesPerLine: 50 }),
    type,
  );
  const machines = new Set<string>();
  for (const item of simulateFactory(factory)) {
    if (item.kind !== 'message' || item.topic.endsWith('/event')) continue;
    machines.add(item.topic);
    const values = Object.values(JSON.parse(item.payload) as Record<string, number>);
    assert.ok(values.every(Number.isFinite));
    if (machines.size === 20_000) break;
  }
  assert.equal(machines.size, 20_000);
});

test('a factory file that does not fit its machine type is told at its place', async (t) => {
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
  const { join, resolve } = await import('node:path');
  const { tmpdir } = await import('node:os');
  const dir = mkdtempSync(join(tmpdir(), 'millwright-factory-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'factory.yaml');
  writeFileSync(
    file,
    `machineType: ${resolve('examples/simulated/press.yaml')}\nsensors: { vibratoin: { base: 1, noise: 1 } }\nfaults: [{ name: bearing, errorCode: E9, effects: { pressure: 1 } }]\n`,
  );
  assert.throws(
    () => loadFactory(file, {}),
    /2:23: sensors\.vibratoin: machine type press has no sensor "vibratoin"; did you mean `vibration`\?\n.*3:38: faults\[0\]\.errorCode: .*"E9"/,
  );
});
