// What a scenario changes in the simulated factory, and that it leaves everything else as it was.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Factory, loadFactory, makeFactory, withScenario } from '../../app/simulate/factory-config.js';
import { scenarioFileSchema } from '../../app/simulate/scenario.js';
import { simulateFactory } from '../../app/simulate/simulate-factory.js';
import type { Label } from '../../app/simulate/simulated-machine.js';
import type { DatasetReadings, DatasetRecord } from '../../domain/dataset.js';
import { historyOf } from './simulated-history.js';

const dayMs = 86_400_000;
const shipped = loadFactory('examples/simulated/factory.yaml', {});
const startMs = shipped.config.startAt;
const calm = { gatewayOutagesPerMonth: 0, skewedShare: 0, duplicateShare: 0, sensorFaultsPerMonth: 0 };

/** The shipped factory, without troubles, with these changes. */
function factoryOf(scenario: readonly unknown[], days = 60, machines = 4): Factory {
  const { config, type } = shipped;
  return makeFactory(
    {
      ...config,
      days,
      machines,
      machinesPerLine: 2,
      everyMs: 3 * 3_600_000,
      trouble: { ...config.trouble, ...calm },
      ...scenarioFileSchema.parse({ scenario }),
    },
    type,
  );
}

const readingsOf = (records: readonly DatasetRecord[]): DatasetReadings[] =>
  records.filter((record) => record.kind === 'readings');
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const sd = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
const dayOf = (timeMs: number): number => (timeMs - startMs) / dayMs;

/** Readings beside those of the same factory without the changes, which are as many, at the same times. */
function beside(scenario: readonly unknown[], days?: number): [DatasetReadings, DatasetReadings][] {
  const changed = readingsOf(historyOf(factoryOf(scenario, days)).records);
  const before = readingsOf(historyOf(factoryOf([], days)).records);
  assert.equal(changed.length, before.length);
  assert.ok(before.length > 1000);
  return changed.map((reading, index) => {
    const other = before[index] as DatasetReadings;
    assert.deepEqual([reading.machine, reading.timeMs], [other.machine, other.timeMs]);
    return [reading, other];
  });
}

test('a sensor rescaled at day 60 tells that many times as much from then on, and nothing else changes', () => {
  const change = {
    change: 'sensor-rescaled',
    sensor: 'vibration',
    machines: 'press-002',
    fromDay: 60,
    factor: 1.8,
  };
  let rescaledCount = 0;
  for (const [reading, before] of beside([change], 120)) {
    const isOn = reading.machine === 'press-002' && dayOf(reading.timeMs) >= 60;
    if (!isOn) assert.deepEqual(reading.values, before.values);
    else {
      rescaledCount++;
      const { vibration, ...others } = reading.values;
      const { vibration: told, ...othersBefore } = before.values;
      assert.deepEqual(others, othersBefore);
      assert.ok(Math.abs((vibration as number) / (1.8 * (told as number)) - 1) < 1e-5);
    }
  }
  assert.ok(rescaledCount > 300);
});

test('a sensor that is replaced has an offset and a noise of its own', () => {
  const change = {
    change: 'sensor-replaced',
    sensor: 'current',
    machines: 'press-003',
    fromDay: 20,
    offset: 7,
    noiseFactor: 3,
  };
  const pairs = beside([change]).filter(
    ([{ machine, timeMs }]) => machine === 'press-003' && dayOf(timeMs) >= 20,
  );
  const moved = pairs.map(
    ([now, before]) => (now.values.current as number) - (before.values.current as number),
  );
  // What is added is 7 and twice the noise of .8.
  assert.ok(Math.abs(mean(moved) - 7) < 0.3, `moved by ${mean(moved)}`);
  assert.ok(Math.abs(sd(moved) - 1.6) < 0.2, `spread ${sd(moved)}`);
});

test('wear that turns twice as fast halves what is left of parts, and the life of those that come', () => {
  const factory = factoryOf([{ change: 'faster-wear', fromDay: 90, factor: 2 }], 300, 80);
  const ofParts = ({ labels }: { labels: Label[] }) => labels.filter((label) => label.kind === 'life');
  const lives = ofParts(historyOf(factory));
  const before = ofParts(historyOf(factoryOf([], 300, 80)));
  let halvedCount = 0;
  for (const part of before) {
    if (dayOf(part.startMs) >= 90 || part.end !== 'failed') continue;
    const own = lives.find(
      ({ machine, startMs: bornMs }) => machine === part.machine && bornMs === part.startMs,
    );
    if (dayOf(part.endMs) < 90) assert.deepEqual(own, part);
    else if (own?.end === 'failed') {
      halvedCount++;
      // To the slot of three hours in which the change falls.
      assert.ok(Math.abs(dayOf(own.endMs) - 90 - (dayOf(part.endMs) - 90) / 2) < 0.13);
    }
  }
  assert.ok(halvedCount > 30);
  const lengths = lives
    .filter(({ startMs: bornMs, end }) => dayOf(bornMs) > 95 && dayOf(bornMs) < 200 && end === 'failed')
    .map(({ startMs: bornMs, endMs }) => (endMs - bornMs) / dayMs);
  // Mean of Weibull(70, 4) is 63.4 days; services end some of the longer ones.
  assert.ok(lengths.length > 80 && mean(lengths) > 26 && mean(lengths) < 34, `mean life ${mean(lengths)}`);
});

test('the signal of a fault goes on from where it was when wear turns faster', () => {
  // One life at the change, watched by vibration, whose noise is left out.
  const { config, type } = factoryOf([{ change: 'faster-wear', fromDay: 30, factor: 3 }], 60, 40);
  const quiet = makeFactory(
    {
      ...config,
      sensors: { ...config.sensors, vibration: { base: 3, noise: 0, loadGain: 0, dirtGain: 0 } },
      faults: [{ name: 'bearing', tauDays: 20, effects: { vibration: 9 } }],
    },
    type,
  );
  const readings = readingsOf(historyOf(quiet).records);
  for (let machine = 1; machine <= 40; machine++) {
    const own = readings.filter((each) => each.machine === `press-0${String(machine).padStart(2, '0')}`);
    const next = own.findIndex(({ timeMs }) => dayOf(timeMs) >= 30);
    const [a, b] = [own[next - 1]?.values.vibration as number, own[next]?.values.vibration as number];
    // Between two readings, an eighth of a day apart, at most e^(3/20/8) more, or a new part.
    if (b >= a) assert.ok(b - 3 <= (a - 3) * Math.exp(3 / 20 / 8) + 1e-4, `from ${a} to ${b}`);
  }
});

test('a new member of the machine type begins at day 30 with a new part; the others are as they were', () => {
  const { records, labels } = historyOf(
    factoryOf([{ change: 'machine-added', machines: 'press-004', fromDay: 30 }]),
  );
  const others = (all: readonly DatasetRecord[]) => all.filter(({ machine }) => machine !== 'press-004');
  assert.deepEqual(others(records), others(historyOf(factoryOf([])).records));
  const own = readingsOf(records).filter(({ machine }) => machine === 'press-004');
  assert.ok(own.length > 200);
  assert.ok(own.every(({ timeMs }) => dayOf(timeMs) >= 30));
  const [first] = labels.filter((label) => label.kind === 'life' && label.machine === 'press-004');
  assert.equal(first?.kind === 'life' && dayOf(first.startMs), 30);
});

test("a gateway's clock off by an hour shows in the times of its line's messages, for as long as it is wrong", () => {
  const factory = factoryOf(
    [{ change: 'gateway-clock', line: 'line-2', fromDay: 5, untilDay: 10, skewMinutes: 60 }],
    20,
  );
  const messages = (of: Factory) =>
    [...simulateFactory(of)].flatMap((item) => (item.kind === 'message' ? [item] : []));
  const right = messages(factoryOf([], 20));
  let wrongCount = 0;
  messages(factory).forEach((message, index) => {
    const told = JSON.parse(message.payload) as { time: number };
    const before = JSON.parse(right[index]?.payload ?? '') as { time: number };
    const isWrong = message.topic.includes('/line-2/') && dayOf(before.time) >= 5 && dayOf(before.time) < 10;
    if (isWrong) wrongCount++;
    assert.deepEqual(told, { ...before, time: before.time + (isWrong ? 3_600_000 : 0) });
    assert.equal(message.timeMs, right[index]?.timeMs);
  });
  assert.ok(wrongCount >= 2 * 5 * 8 - 4, `${wrongCount} messages`);
});

test('a season is a sine of the year, highest on its day', () => {
  for (const [now, before] of beside([
    { change: 'season', sensor: 'temperature', amplitude: 6, highestDay: 15 },
  ])) {
    const expected = 6 * Math.cos((2 * Math.PI * (dayOf(now.timeMs) - 15)) / 365.25);
    const added = (now.values.temperature as number) - (before.values.temperature as number);
    assert.ok(Math.abs(added - expected) < 0.001, `${added} added, not ${expected}`);
  }
});

test('a plant that is shut for two weeks says nothing, and everything in it comes two weeks later', () => {
  const { records, labels } = historyOf(factoryOf([{ change: 'shutdown', fromDay: 30, days: 14 }], 120, 30));
  assert.ok(records.every(({ timeMs }) => dayOf(timeMs) < 30 || dayOf(timeMs) >= 44));
  assert.ok(records.some(({ timeMs }) => dayOf(timeMs) >= 44 && dayOf(timeMs) < 45));
  const before = historyOf(factoryOf([], 120, 30)).labels;
  let putOffCount = 0;
  for (const part of before) {
    if (part.kind !== 'life' || part.end !== 'failed' || dayOf(part.startMs) >= 30 || dayOf(part.endMs) >= 90)
      continue;
    const own = labels.find(
      (label) => label.kind === 'life' && label.machine === part.machine && label.startMs === part.startMs,
    );
    // A service that falls due at another age of the part may have replaced it.
    if (own?.kind !== 'life' || own.end !== 'failed') continue;
    if (dayOf(part.endMs) >= 30) putOffCount++;
    assert.equal(own.endMs, part.endMs + (dayOf(part.endMs) < 30 ? 0 : 14 * dayMs));
  }
  assert.ok(putOffCount > 10);
});

test('the shipped scenario has every change, is told by labels, and gives the same twice', () => {
  const factory = withScenario(shipped, 'examples/simulated/scenario.yaml', {});
  const changes = historyOf(factory).labels.flatMap((label) => (label.kind === 'change' ? [label] : []));
  assert.deepEqual(
    changes.map(({ change, machines }) => `${change.change} ${machines.length}`),
    [
      'season 20',
      'machine-added 1',
      'sensor-rescaled 1',
      'sensor-replaced 1',
      'faster-wear 20',
      'gateway-clock 10',
      'shutdown 20',
    ],
  );
  const bytes = () =>
    JSON.stringify([...simulateFactory({ ...factory, config: { ...factory.config, days: 20 } })]);
  assert.equal(bytes(), bytes());
});

test('what a scenario names wrongly is told at its place', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-scenario-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'scenario.yaml');
  const told = (text: string): string => {
    writeFileSync(file, text);
    try {
      withScenario(shipped, file, {});
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(
    told(
      'scenario:\n  - { change: season, sensor: temprature, amplitude: 3 }\n  - { change: shutdown, machines: "pump-*", fromDay: 3, days: 2 }\n  - { change: gateway-clock, line: line-9, fromDay: 1, skewMinutes: 60 }\n',
    ),
    /2:31: scenario\[0\]\.sensor: the factory has no sensor "temprature"; did you mean `temperature`\?\n.*3:\d+: scenario\[1\]\.machines: the factory has no machine "pump-\*".*\n.*4:\d+: scenario\[2\]\.line: .*did you mean `line-1`/,
  );
  assert.match(
    told('scenario:\n  - { change: sensor-rescaled, sensor: vibration, fromDay: 3 }\n'),
    /scenario\[0\]\.factor/,
  );
  assert.match(told('scenario:\n  - { change: sensor-exploded, fromDay: 3 }\n'), /scenario\[0\]\.change/);
});
