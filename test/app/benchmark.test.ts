import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { formatBenchmark } from '../../app/benchmark/benchmark-text.js';
import { benchmarkCmapss } from '../../app/benchmark/cmapss.js';
import { benchmarkCmapssAlerts } from '../../app/benchmark/cmapss-alerts.js';
import { readCmapssFleet } from '../../app/benchmark/cmapss-fleet.js';
import type { BenchmarkResult } from '../../app/benchmark/result.js';
import { meanScores, type ScoredRow, scoreRows } from '../../app/benchmark/scores.js';
import { trainEnsembleVersion } from '../../app/training.js';
import { costsSchema } from '../../backtest/alert-cost.js';
import { type AlertScore, alertBoundsSchema } from '../../backtest/alert-score.js';
import { UserError } from '../../domain/errors.js';
import { Rng } from '../../domain/rng.js';
import { trainingConfigSchema } from '../../model/config.js';

/** Cycles on record and cycles left of four test engines; the second is far shorter than any window. */
const tested = [
  { cycles: 45, left: 7 },
  { cycles: 3, left: 90 },
  { cycles: 31, left: 30 },
  { cycles: 20, left: 140 },
];
const tiny = trainingConfigSchema.parse({ hiddenSize: 4, batchSize: 8, steps: 6, validateEverySteps: 3 });
const trainingLives = [40, 52, 61, 38, 47, 55];

/** Engines that wear: T50 and Ps30 rise towards the end; every other column as it could be in FD001. */
function engineRows(unit: number, cycles: number, life: number, rng: Rng): string[] {
  return Array.from({ length: cycles }, (_, index) => {
    const wear = Math.exp((index + 1 - life) / 12);
    const values = [
      0, 0.0002, 100, 518.67, 642, 1587, 1400, 14.62, 21.61, 554, 2388, 9050, 1.3, 47.3, 522, 2388, 8135, 8.4,
      0.03, 392, 2388, 100, 39, 23.4,
    ];
    values[6] = 1400 + 20 * wear + rng.normal();
    values[13] = 47.3 + 0.5 * wear + 0.05 * rng.normal();
    return [unit, index + 1, ...values].join(' ');
  });
}

describe('the C-MAPSS benchmark, on a small fleet', () => {
  let folder: string;
  let result: BenchmarkResult;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millwright-benchmark-'));
    const rng = new Rng(11);
    const lines = (rows: readonly string[]) => `${rows.join('\n')}\n`;
    await writeFile(
      join(folder, 'train_FD004.txt'),
      lines(trainingLives.flatMap((life, index) => engineRows(index + 1, life, life, rng))),
    );
    await writeFile(
      join(folder, 'test_FD004.txt.gz'),
      gzipSync(
        lines(tested.flatMap(({ cycles, left }, index) => engineRows(index + 1, cycles, cycles + left, rng))),
      ),
    );
    await writeFile(join(folder, 'RUL_FD004.txt'), lines(tested.map(({ left }) => String(left))));
    result = await benchmarkCmapss({
      dir: folder,
      subset: 'FD004',
      seedCount: 2,
      ensembleSize: 3,
      config: tiny,
      modelDir: join(folder, 'models'),
    });
  });
  after(() => rm(folder, { recursive: true }));

  it('judges alerts: rules from engines left out, and failures that are due when a record ends', async () => {
    const { test: judged, choice } = await benchmarkCmapssAlerts({
      dir: folder,
      subset: 'FD004',
      seedCount: 1,
      ensembleSize: 0,
      config: tiny,
      modelDir: join(folder, 'alert-models'),
      bounds: alertBoundsSchema.parse({}),
      costs: costsSchema.parse({}),
    });
    assert.equal(judged.report.rows.judgedCount, 45 + 3 + 31 + 20);
    const { failures } = judged.report.alerts as AlertScore;
    assert.deepEqual(failures.map(({ machine }) => machine).sort(), ['test-1', 'test-3']);
    assert.equal(choice.length, 5);
    assert.deepEqual(
      judged.alerting.map(({ own }) => own.rule),
      choice.map(({ own }) => own.rule),
    );
  });

  it('scores the last cycle of every test engine, however short its record, and every cycle', () => {
    assert.equal(result.rows, 4);
    assert.equal(result.allOrigins?.rows, 45 + 3 + 31 + 20);
    assert.match(result.protocol, /last cycle of every engine of test_FD004/);
  });

  it('takes the truth from the RUL file: the marginal says the same of all, and is as wrong as that is', () => {
    // At day 30 two engines of four have failed; whatever F it says, the score is the mean of F² and (1 − F)².
    const brier = result.baselines.marginal?.brier[30] as number;
    assert.ok(brier >= 0.25 && brier < 0.5, `${brier}`);
    assert.equal(result.baselines.marginal?.cTd, 0.5);
  });

  it('gives the same figures for the networks, each seed, the ensemble and every baseline', () => {
    const scores = [
      result.model,
      ...result.seeds,
      result.ensemble,
      ...Object.values(result.baselines),
      result.allOrigins?.model,
    ];
    assert.equal(scores.length, 1 + 2 + 1 + 3 + 1);
    for (const each of scores) {
      assert.ok(each);
      assert.deepEqual(Object.keys(each), ['meanBrier', 'cTd', 'brier', 'ece', 'rul']);
      assert.deepEqual(Object.keys(each.brier), ['1', '7', '14', '30']);
      assert.deepEqual(Object.keys(each.ece), ['7', '30']);
      assert.deepEqual(Object.keys(each.rul), ['rmseCapped', 'rmseRaw', 'nasaCapped']);
      for (const value of [
        each.meanBrier,
        each.cTd,
        ...Object.values(each.brier),
        ...Object.values(each.ece),
        ...Object.values(each.rul),
      ])
        assert.ok(typeof value === 'number' && Number.isFinite(value) && value >= 0);
    }
    assert.deepEqual(Object.keys(result.baselines), ['marginal', 'weibull', 'smoothing-linear']);
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });

  it('means over the seeds, which differ', () => {
    const [first, second] = result.seeds;
    assert.ok(first?.meanBrier && second?.meanBrier && first.meanBrier !== second.meanBrier);
    const mean = (first.meanBrier + second.meanBrier) / 2;
    assert.ok(Math.abs((result.model.meanBrier as number) - mean) < 1e-12);
  });

  it('is shown to people as tables, baselines beside the network', () => {
    const text = formatBenchmark(result);
    assert.match(text, /Last cycle, 4 engines/);
    assert.match(text, /Every cycle, 99 forecasts/);
    for (const name of ['network, mean of 2', 'seed 2', 'ensemble', 'marginal', 'smoothing-linear'])
      assert.ok(text.includes(name), name);
  });

  it('hands the days left to the judge, never to the network', async () => {
    const { lastOrigins, allOrigins } = await readCmapssFleet(folder, 'FD004');
    assert.deepEqual(
      lastOrigins.map(({ remainingDays }) => remainingDays),
      tested.map(({ left }) => left),
    );
    assert.deepEqual(
      lastOrigins.map(({ outcome }) => outcome.eventDay),
      [7, 0, 30, 0],
    );
    assert.ok(allOrigins.every(({ outcome }) => outcome.observedDays === 30));
    // What the network may see of a test engine holds no failure.
    assert.ok(lastOrigins.every(({ history }) => history.eventDay.every((day) => day === 0)));
  });

  it('trains on the path of `train --ensemble`', async () => {
    const { type, training } = await readCmapssFleet(folder, 'FD004');
    const modelDir = join(folder, 'in-use');
    const seen = new Set<number>();
    const { artifact, members } = await trainEnsembleVersion({
      type,
      histories: training,
      modelDir,
      config: tiny,
      seed: 1,
      size: 3,
      onProgress: (_progress, member) => seen.add(member),
    });
    assert.deepEqual([...seen], [1, 2, 3]);
    assert.equal(artifact.version, result.versions.ensemble);
    assert.deepEqual(
      members.slice(0, 2).map(({ version }) => version),
      result.versions.seeds,
    );
  });

  it('names the file that is missing', async () => {
    await assert.rejects(readCmapssFleet(folder, 'FD001'), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /train_FD001\.txt/);
      return true;
    });
  });
});

test('a forecast that is right about everything scores best in every figure', () => {
  const row = (day: number, said: number): ScoredRow => ({
    probabilities: Array.from({ length: 30 }, (_, index) => (index + 1 >= said ? 1 : 0)),
    eventDay: day,
    knownDays: day,
    observedDays: 30,
    saidDays: said,
    actualDays: day,
  });
  const right = scoreRows([row(5, 5), row(20, 20)], 30);
  assert.deepEqual(
    [right.meanBrier, right.cTd, right.ece[7], right.rul.rmseCapped, right.rul.nasaCapped],
    [0, 1, 0, 0, 0],
  );
  const wrong = scoreRows([row(5, 20), row(20, 5)], 30);
  assert.equal(wrong.meanBrier, 15 / 30);
  assert.equal(wrong.cTd, 0);
  assert.equal(wrong.rul.rmseRaw, 15);
});

test('a score that one seed does not have is no mean of the others', () => {
  const none: ScoredRow = {
    probabilities: new Float64Array(30),
    eventDay: 0,
    knownDays: 30,
    observedDays: 30,
    saidDays: 100,
    actualDays: 150,
  };
  const scores = scoreRows([none], 30);
  assert.equal(scores.cTd, null);
  assert.equal(scores.rul.rmseRaw, 50);
  assert.equal(scores.rul.rmseCapped, 25);
  const mean = meanScores([scores, { ...scores, cTd: 0.9 }]);
  assert.equal(mean.cTd, null);
  assert.equal(mean.rul.rmseRaw, 50);
});

test('wrong usage is told before any work, with what to write instead', () => {
  const run = (...options: string[]) =>
    spawnSync(process.execPath, ['dist/app/main.js', 'benchmark', 'cmapss', ...options], {
      encoding: 'utf8',
    });
  for (const [options, wanted] of [
    [[], /--dir <folder>/],
    [['--dir', '.', '--subset', 'FD009'], /Allowed choices are FD001, FD002, FD003, FD004/],
    [['--dir', '.', '--seeds', '0'], /whole number of at least 1/],
    [['--dir', 'nowhere'], /there is neither nowhere\/train_FD001\.txt nor nowhere\/train_FD001\.txt\.gz/],
    [['--dir', '.', '--json', 'nowhere/scores.json'], /cannot write nowhere\/scores\.json/],
  ] as const) {
    const { status, stderr } = run(...options);
    assert.equal(status, 2, stderr);
    assert.match(stderr, wanted);
  }
});
