import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readAzureFleet } from '../../app/benchmark/azure-fleet.js';
import { UserError } from '../../domain/errors.js';
import { windowFeeds } from '../../model/known-future.js';
import { windowOf } from '../../model/windows.js';
import { featureSpec } from '../../stream/features.js';

const dayMs = 86_400_000;
const startMs = Date.UTC(2015, 0, 1);
const day = (index: number) => new Date(startMs + index * dayMs).toISOString().slice(0, 10);
const at = (index: number, hour: string) => `${day(index)} ${hour}:00:00`;
const days = 100;
const machines = [1, 2, 3, 10];
/** Day at whose 06:00 each machine fails; the second one never does. */
const failsOn: Readonly<Record<number, readonly number[]>> = { 1: [20, 65], 2: [], 3: [50], 10: [40, 90] };

/** The tables, on a fleet of four: every failure follows an error of the day before, and replaces comp1. */
async function writeTables(folder: string): Promise<void> {
  const table = (name: string, header: string, rows: readonly string[]) =>
    writeFile(join(folder, `${name}.gz`), gzipSync([header, ...rows, ''].join('\n')));
  const failures = machines.flatMap((id) => (failsOn[id] ?? []).map((index) => ({ id, index })));
  await table(
    'telemetry_daily.csv',
    'date,machineID,volt,rotate,pressure,vibration',
    machines.flatMap((id) =>
      Array.from(
        { length: days },
        (_, index) => `${day(index)},${id},${170 + (index % 7)},450,100,${40 + id}`,
      ),
    ),
  );
  await table(
    'PdM_errors.csv',
    'datetime,machineID,errorID',
    failures.map(({ id, index }) => `${at(index - 1, '06')},${id},error1`),
  );
  await table('PdM_maint.csv', 'datetime,machineID,comp', [
    '2014-12-01 06:00:00,1,comp1',
    ...failures.map(({ id, index }) => `${at(index, '06')},${id},comp1`),
  ]);
  await table(
    'PdM_failures.csv',
    'datetime,machineID,failure',
    failures.map(({ id, index }) => `${at(index, '06')},${id},comp1`),
  );
  await table(
    'PdM_machines.csv',
    'machineID,model,age',
    machines.map((id) => `${id},model${1 + (id % 4)},${id}`),
  );
}

describe('the Azure benchmark, on a small fleet', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millwright-azure-'));
    await writeTables(folder);
  });
  after(() => rm(folder, { recursive: true }));
  const period = {
    trainUntilMs: startMs + 44 * dayMs,
    testFromMs: startMs + 55 * dayMs,
    testToMs: startMs + 66 * dayMs,
  };

  it('counts days from 06:00: the row of a day, an error and a failure at that time are one step', async () => {
    const { training, type } = await readAzureFleet(folder, period, 'unknown');
    const { names } = featureSpec(type);
    const first = training.find(({ machine }) => machine === 'machine-1');
    assert.equal(first?.stepCount, 45);
    // The failure at 06:00 of day 20 belongs to the row of day 19, and is day 1 of the row before.
    assert.deepEqual([...first.eventDay.subarray(17, 21)], [2, 1, 0, 0]);
    const column = (name: string, row: number) => first.rows[row * names.length + names.indexOf(name)];
    assert.deepEqual(
      [17, 18, 19, 20].map((row) => [column('event.error1', row), column('since.comp1', row)]),
      [
        [0, 49], // maintained on the day that began at 07:00 of 30 November, before the first reading
        [1, 50],
        [0, 0],
        [0, 1],
      ],
    );
    assert.deepEqual([column('attr.model=model2', 0), column('attr.age', 0)], [1, 1]);
    assert.ok(!names.includes('age'), 'no clock that runs out of the training data');
  });

  it('trains on what was known when the test began', async () => {
    const { training } = await readAzureFleet(folder, period, 'unknown');
    const [first, second, third] = [1, 2, 3].map((id) =>
      training.find(({ machine }) => machine === `machine-${id}`),
    );
    // Row 44 ends with day 45; ten days are known up to day 55.
    assert.deepEqual([first?.knownDays[44], second?.knownDays[44], second?.knownDays[24]], [10, 10, 30]);
    // Day 65, when it fails again, is beyond that.
    assert.deepEqual([...(first?.eventDay.subarray(34) ?? [])], new Array(11).fill(0));
    // Machine 3 fails at the end of row 49: known, as everything before day 55.
    assert.equal(third?.eventDay[44], 5);
  });

  it('judges every machine at the end of every day of the test', async () => {
    const { origins } = await readAzureFleet(folder, period, 'unknown');
    assert.equal(origins.length, 4 * 12);
    const [first] = origins;
    assert.deepEqual(
      [first?.history.machine, first?.outcome.eventDay, first?.remainingDays],
      ['machine-1', 9, 9],
    );
    const ofTen = origins.filter(({ history }) => history.machine === 'machine-10');
    assert.deepEqual(
      ofTen.map(({ remainingDays }) => remainingDays),
      Array.from({ length: 12 }, (_, index) => 34 - index),
    );
    assert.deepEqual([ofTen[3]?.outcome.eventDay, ofTen[4]?.outcome.eventDay], [0, 30]);
    assert.ok(origins.some(({ remainingDays }) => Number.isNaN(remainingDays)));
  });

  it('knows a plan that comes from the past alone: what is done later changes no forecast and no label', async () => {
    const everyTen = (until: number) =>
      machines.flatMap((id) =>
        Array.from({ length: days / 10 }, (_, index) => 10 * index + id)
          .filter((index) => index < until)
          .map((index) => `${at(index, '06')},${id},comp2`),
      );
    const header = 'datetime,machineID,comp';
    const lines = gunzipSync(await readFile(join(folder, 'PdM_maint.csv.gz')))
      .toString()
      .split('\n');
    const write = (rows: readonly string[]) =>
      writeFile(join(folder, 'PdM_maint.csv.gz'), gzipSync([header, ...rows, ''].join('\n')));
    const seen = async (rows: readonly string[]) => {
      await write(rows);
      const { type, training, origins } = await readAzureFleet(folder, period, 'known');
      const spec = featureSpec(type);
      const early = origins.filter(({ step }) => step <= 56);
      const windows = early.map((origin) => windowOf(spec, origin).rows);
      const feeds = windowFeeds(spec, Float32Array.from(windows.flatMap((each) => [...each])));
      return { everySteps: type.plannedVisits?.everySteps, training, feeds };
    };
    try {
      const known = await seen(everyTen(57));
      assert.equal(known.everySteps, 10);
      assert.ok(known.feeds.future?.data.some((value) => value === 1));
      const otherFuture = [...everyTen(57), ...[58, 59, 61, 63].map((index) => `${at(index, '06')},1,comp3`)];
      assert.deepEqual(await seen(otherFuture), known);
    } finally {
      await write(lines.slice(1).filter((line) => line !== ''));
    }
  });

  it('says which component failed', async () => {
    const { training } = await readAzureFleet(folder, period, 'unknown');
    const causes = (id: number, from: number, to: number) => [
      ...(training.find(({ machine }) => machine === `machine-${id}`)?.eventCauses?.subarray(from, to) ?? []),
    ];
    assert.deepEqual(causes(1, 17, 21), [1, 1, 0, 0]);
    assert.deepEqual(new Set(causes(2, 0, 45)), new Set([0]));
  });

  it('says so when there are no rows in the days asked for', async () => {
    await assert.rejects(
      readAzureFleet(
        folder,
        { ...period, testFromMs: startMs + 400 * dayMs, testToMs: startMs + 410 * dayMs },
        'unknown',
      ),
      (error: unknown) =>
        error instanceof UserError && /choose days that telemetry_daily\.csv has/.test(error.message),
    );
  });

  it('writes the scores of networks and baselines', async () => {
    const json = join(folder, 'scores.json');
    const training = join(folder, 'training.yaml');
    await writeFile(training, 'steps: 6\nvalidateEverySteps: 3\nhiddenSize: 4\nbatchSize: 8\n');
    const run = spawnSync(
      process.execPath,
      [
        ...['dist/app/main.js', 'benchmark', 'azure-pdm', '--dir', folder, '--seeds', '2', '--ensemble', '2'],
        ...['--train-until', day(44), '--test-from', day(55), '--test-to', day(66)],
        ...['--training', training, '--json', json],
      ],
      { encoding: 'utf8' },
    );
    assert.equal(run.status, 0, run.stderr);
    const scores = JSON.parse(await readFile(json, 'utf8'));
    assert.deepEqual(
      [scores.dataset, scores.rows, scores.seeds.length, scores.allOrigins],
      ['Azure PdM', 48, 2, undefined],
    );
    assert.match(scores.protocol, /up to 2015-02-14 .* from 2015-02-25 to 2015-03-08/);
    assert.deepEqual(Object.keys(scores.baselines), ['marginal', 'weibull', 'smoothing-linear', 'logistic']);
    for (const each of [
      scores.model,
      scores.ensemble,
      ...Object.values<typeof scores.model>(scores.baselines),
    ]) {
      assert.ok(each.meanBrier > 0 && each.meanBrier < 1);
      assert.ok(each.rul.rmseRaw > 0);
    }
    assert.match(run.stdout, /48 forecasts/);
  });

  it('chooses rules on some days and judges them on later ones, from a folder named as it lies', async () => {
    const training = join(folder, 'training.yaml');
    await writeFile(training, 'steps: 6\nvalidateEverySteps: 3\nhiddenSize: 4\nbatchSize: 8\n');
    const command = [
      ...['benchmark', 'azure-alerts', '--dir', '.', '--training', training],
      ...['--choose-train-until', day(30), '--choose-from', day(35), '--choose-to', day(50)],
      ...['--train-until', day(44), '--test-from', day(55), '--test-to', day(80)],
      ...['--json', 'alerts.json', '--html', 'alerts.html', '--costs', 'failure=10'],
    ];
    const run = spawnSync(process.execPath, [resolve('dist/app/main.js'), ...command], {
      encoding: 'utf8',
      cwd: folder,
    });
    assert.equal(run.status, 0, run.stderr);
    const { choice, test, costs, protocol } = JSON.parse(await readFile(join(folder, 'alerts.json'), 'utf8'));
    assert.match(protocol.choice, /up to 2015-01-31; 4 machines .* from 2015-02-05 to 2015-02-20/);
    assert.deepEqual(costs, { failure: 10, earlyMaintenance: 20, inspection: 2, falseAlarm: 5 });
    assert.equal(test.rows.judgedCount, 4 * 26);
    // Of the failures on days 20, 40, 50, 65 and 90, that of 65 lies in the days of the test.
    assert.deepEqual(
      test.alerts.failures.map((failure: { machine: string }) => failure.machine),
      ['machine-1'],
    );
    assert.equal(test.alerting.length, 5);
    type Judged = { own: { rule: object }; inForce: { figures: object }; ownFoundOn: string };
    test.alerting.forEach((each: Judged, index: number) => {
      assert.deepEqual(each.own.rule, choice[index].own.rule);
      assert.equal(each.ownFoundOn, 'other-rows');
    });
    // The rule in force is the network's own.
    assert.deepEqual(test.alerting[0].inForce.figures, test.alerting[0].own.figures);
    assert.match(await readFile(join(folder, 'alerts.html'), 'utf8'), /The same rules on plain forecasts/);
    assert.match(run.stdout, /The rules in force are one rule/);
  });

  it('refuses to choose rules on the days of the test, and figures that are none', () => {
    const run = (...options: string[]) =>
      spawnSync(
        process.execPath,
        [
          ...['dist/app/main.js', 'benchmark', 'azure-alerts', '--dir', folder, ...options],
          ...['--train-until', day(44), '--test-from', day(55), '--test-to', day(66)],
        ],
        { encoding: 'utf8' },
      );
    const choose = (train: number, from: number, to: number) => [
      ...['--choose-train-until', day(train), '--choose-from', day(from), '--choose-to', day(to)],
    ];
    for (const [options, wanted] of [
      [choose(30, 35, 55), /--choose-to before --test-from/],
      [choose(35, 35, 50), /--choose-train-until before --choose-from/],
      [[...choose(30, 35, 50), '--bounds', 'usefulFromDays=50'], /usefulFromDays must not be above/],
      [[...choose(30, 35, 50), '--costs', 'failures=5'], /write NAME=NUMBER of failure, /],
      [choose(2, 5, 6), /no failure is known in the part of Azure PdM that is trained on/],
    ] as const) {
      const { status, stderr } = run(...options);
      assert.equal(status, 2, stderr);
      assert.match(stderr, wanted);
    }
  });

  it('tells wrong days before any work', () => {
    const run = (...options: string[]) =>
      spawnSync(process.execPath, ['dist/app/main.js', 'benchmark', 'azure-pdm', '--dir', '.', ...options], {
        encoding: 'utf8',
      });
    const days = (train: string, from: string, to: string) => [
      '--train-until',
      train,
      '--test-from',
      from,
      '--test-to',
      to,
    ];
    for (const [options, wanted] of [
      [days('2015-02-30', '2015-03-01', '2015-03-02'), /write a day such as 2015-06-30/],
      [days('2015-03-01', '2015-03-01', '2015-03-02'), /days must ascend/],
      [days('2015-02-01', '2015-03-01', '2015-03-02'), /neither \.\/telemetry_daily\.csv nor/],
    ] as const) {
      const { status, stderr } = run(...options);
      assert.equal(status, 2, stderr);
      assert.match(stderr, wanted);
    }
  });
});
