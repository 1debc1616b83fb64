/** Drift on simulated fleets whose history goes through the stages: what was changed is found and named, and a quiet year stays quiet. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { loadDeployment } from '../../app/config.js';
import { type DriftReport, findDrift } from '../../app/drift.js';
import { driftAlarms } from '../../app/drift-text.js';
import { buildHistories } from '../../app/history.js';
import { loadFactory, makeFactory } from '../../app/simulate/factory-config.js';
import { scenarioFileSchema } from '../../app/simulate/scenario.js';
import { factoryDataset } from '../../app/simulate/simulate-factory.js';
import type { History } from '../../domain/features.js';
import { knownAt } from '../../model/known-at.js';
import { makeReference } from '../../model/reference.js';
import { featureSpec } from '../../stream/features.js';

const dayMs = 86_400_000;
const shipped = loadFactory('examples/simulated/factory.yaml', {});
const spec = featureSpec(shipped.type);
const startMs = shipped.config.startAt;
const trainedDays = 120;

async function historiesOf(
  scenario: readonly unknown[],
  { machines, days, seed }: { readonly machines: number; readonly days: number; readonly seed: number },
): Promise<readonly History[]> {
  const { config, type } = shipped;
  const everyMs = 4 * 3_600_000;
  const factory = makeFactory(
    { ...config, machines, days, seed, everyMs, ...scenarioFileSchema.parse({ scenario }) },
    type,
  );
  const histories = await buildHistories(
    loadDeployment('examples/simulated/millwright.yaml', {}),
    factoryDataset(factory),
  );
  return histories.get('press') ?? [];
}

/** Held against the first days. */
function driftOf(histories: readonly History[], by: 'month' | 'week', untilDay = Infinity): DriftReport {
  const cutMs = startMs + trainedDays * dayMs;
  return findDrift({
    spec,
    timeZone: 'UTC',
    histories: histories
      .map((each) => knownAt(each, startMs + untilDay * dayMs))
      .filter(({ stepCount }) => stepCount > 0),
    forecasts: [],
    reference: makeReference(
      spec,
      histories.map((each) => knownAt(each, cutMs)).filter(({ stepCount }) => stepCount > 0),
    ),
    period: { fromMs: cutMs + 1, toMs: Infinity },
    by,
  });
}

const dayOf = (timeMs: number) => (timeMs - startMs) / dayMs;

test('a quiet year of 100 machines raises at most two false alarms, by month and by week', async (t) => {
  const histories = await historiesOf([], { machines: 100, days: 365, seed: 11 });
  for (const by of ['month', 'week'] as const) {
    const report = driftOf(histories, by);
    const alarms = driftAlarms(report);
    t.diagnostic(`by ${by}: ${alarms.length} false alarms of ${report.whole.rowCount} steps`);
    assert.ok(alarms.length <= 2, alarms.join('\n'));
    assert.equal(report.machines.length, 100);
  }
});

test('what changes in a fleet is found, named and told apart', async (t) => {
  const histories = await historiesOf(
    [
      { change: 'season', sensor: 'temperature', fromDay: 125, amplitude: 8, highestDay: 196 },
      { change: 'sensor-rescaled', sensor: 'vibration', machines: 'press-00*', fromDay: 160, factor: 1.8 },
      {
        change: 'sensor-replaced',
        sensor: 'pressure',
        machines: 'press-01*',
        fromDay: 200,
        offset: 25,
        noiseFactor: 0.5,
      },
      { change: 'faster-wear', fromDay: 150, factor: 2.5 },
      { change: 'shutdown', fromDay: 230, days: 14 },
    ],
    { machines: 60, days: 300, seed: 5 },
  );
  const report = driftOf(histories, 'month');
  for (const alarm of driftAlarms(report)) t.diagnostic(alarm);

  // The season, in the months in which it is strong, and in no other sensor of all machines.
  const drifted = report.periods.flatMap(({ name, features }) =>
    features.filter(({ verdict }) => verdict === 'drifted').map(({ feature }) => `${name} ${feature}`),
  );
  assert.ok(drifted.includes('2026-06 temperature.mean') && drifted.includes('2026-07 temperature.mean'));
  assert.ok(
    drifted.every((each) => / (temperature|vibration|pressure)\./.test(each)),
    drifted.join(', '),
  );
  assert.equal(report.whole.failures.verdict, 'drifted');
  assert.deepEqual(
    report.silences.map(({ fromMs, untilMs }) => [dayOf(fromMs), dayOf(untilMs)]),
    [[230, 244]],
  );

  // Each sensor that was changed and found has its own day, and nothing else is called a changed sensor.
  const found = (sensor: string, pattern: RegExp, day: number) =>
    report.sensors.filter(
      (change) =>
        change.sensor === sensor &&
        pattern.test(change.machine) &&
        Math.abs(dayOf(change.byMs) - 1 - day) <= 1,
    );
  const rescaled = found('vibration', /press-00\d/, 160);
  const replaced = found('pressure', /press-01\d/, 200);
  t.diagnostic(`${rescaled.length} of 9 rescaled, ${replaced.length} of 10 replaced sensors found`);
  assert.ok(rescaled.length >= 4, `${rescaled.length} of 9 rescaled sensors`);
  assert.ok(replaced.length >= 6, `${replaced.length} of 10 replaced sensors`);
  // With six readings a day the noise of a day is not well known, by which the two are told apart.
  assert.ok(rescaled.filter(({ kind }) => kind === 'rescaled').length > rescaled.length / 2);
  assert.ok(replaced.every(({ kind }) => kind === 'shifted'));
  const others = report.sensors.filter((change) => ![...rescaled, ...replaced].includes(change));
  assert.ok(others.length <= 2, others.map(({ machine, sensor }) => `${machine} ${sensor}`).join(', '));

  // Machines about to fail wear, and are called so; few others are.
  const failsWithin = new Map(
    histories.flatMap(({ machine, originsMs, eventDay }) => {
      const last = originsMs.findIndex((originMs) => originMs === startMs + 222 * dayMs);
      return last < 0 ? [] : [[machine, eventDay[last]!] as const];
    }),
  );
  const { machines } = driftOf(histories, 'month', 222);
  const unchanged = machines.filter(({ machine }) => !/press-0[01]/.test(machine));
  const soon = unchanged.filter(({ machine }) => [1, 2, 3].includes(failsWithin.get(machine) ?? 0));
  const worn = unchanged.filter(({ verdict }) => verdict === 'wears');
  t.diagnostic(
    `of ${soon.length} machines that fail within three days ${soon.filter((each) => worn.includes(each)).length} wear; ${worn.length} of ${unchanged.length} in all`,
  );
  assert.ok(worn.length >= 3 && soon.filter((each) => worn.includes(each)).length >= soon.length / 2);
  // Others may be serviced in time, or be dirty; most machines are neither.
  assert.ok(worn.length <= unchanged.length / 3, `${worn.length} of ${unchanged.length} wear`);
});

test('the network keeps what it was trained on; a plant is held against it by the command', {
  timeout: 300_000,
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millwright-drift-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const press = resolve('examples/simulated/press.yaml');
  const factory = (days: number, scenario: string) =>
    `machineType: ${press}\nseed: 3\nmachines: 24\ndays: ${days}\neveryMs: 4h\n${readFileSync(
      'examples/simulated/factory.yaml',
      'utf8',
    )
      .split('\n')
      .filter((line) =>
        /^(life|sensors|faults| {2}(vibration|temperature|pressure|current|speed|- ))/.test(line),
      )
      .join('\n')}\n${scenario}`;
  writeFileSync(join(folder, 'then.yaml'), factory(120, ''));
  writeFileSync(
    join(folder, 'now.yaml'),
    factory(200, 'scenario: [{ change: season, sensor: temperature, fromDay: 121, amplitude: 8 }]\n'),
  );
  writeFileSync(join(folder, 'training.yaml'), 'steps: 20\nhiddenSize: 8\nvalidateEverySteps: 10\n');
  writeFileSync(
    join(folder, 'plant.yaml'),
    `plant: { name: p, site: north }\nmachineTypes: [${press}]\nmachines: [{ match: "press-*", attributes: { maker: acme } }]\ndataDir: data\nmodel: { dir: models }\ningest: { time: messages }\n`,
  );
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [resolve('dist/app/main.js'), ...words], { cwd: folder, encoding: 'utf8' });
  const none = run('drift', '-c', 'plant.yaml', '--data', 'now.yaml');
  assert.equal(none.status, 2);
  assert.match(none.stderr, /no trained network/);
  const trained = run(
    'train',
    '-c',
    'plant.yaml',
    '--data',
    'then.yaml',
    '--training',
    'training.yaml',
    '--force',
  );
  assert.equal(trained.status, 0, trained.stderr);
  const drift = run('drift', '-c', 'plant.yaml', '--data', 'now.yaml', '--json');
  assert.equal(drift.status, 1, drift.stderr);
  const report = JSON.parse(drift.stdout) as DriftReport & { readonly alarms: readonly string[] };
  assert.ok(report.alarms.length > 0 && report.alarms.every((alarm) => alarm.startsWith('temperature.')));
  assert.equal(report.reference.lastMs, startMs + trainedDays * dayMs);
  // Machines that were kept from training are held against the fleet.
  assert.equal(report.machines.length, 24);
  assert.ok(
    report.machines.some(({ isKnown }) => isKnown) && report.machines.some(({ isKnown }) => !isKnown),
  );
  const quiet = run(
    'drift',
    '-c',
    'plant.yaml',
    '--data',
    'now.yaml',
    '--to',
    '2026-05-01',
    '--from',
    '2026-03-01',
  );
  assert.equal(quiet.status, 0, quiet.stdout);
  assert.match(quiet.stdout, /Nothing has changed beyond chance/);
});
