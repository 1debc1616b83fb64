/** The command on NASA's files: what it reads, and that it drops nothing. Accuracy has its own record in the docs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { readAzureFleet } from '../../app/benchmark/azure-fleet.js';
import { type CmapssFleet, readCmapssFleet } from '../../app/benchmark/cmapss-fleet.js';
import { forecastWithBaseline } from '../../app/benchmark/forecasters.js';
import { scoreRows } from '../../app/benchmark/scores.js';
import type { Baseline } from '../../backtest/baselines/baseline.js';
import { fitMarginal } from '../../backtest/baselines/marginal.js';
import { fitPersonPeriod } from '../../backtest/baselines/person-period.js';
import { fitRegimeScaling } from '../../backtest/baselines/regime-scaling.js';
import { featureSpec } from '../../stream/features.js';

const dir = resolve(process.cwd(), '../shared/data/cmapss');
const skip = existsSync(dir) ? false : `NOT RUN: the C-MAPSS files are not at ${dir}`;

describe('the C-MAPSS benchmark, on the files of NASA', { skip }, () => {
  const sizes = { FD001: [100, 13_096, 1], FD002: [259, 33_991, 6], FD003: [100, 16_596, 1] } as const;
  for (const subset of ['FD001', 'FD002', 'FD003'] as const) {
    const [engines, cycles, regimes] = sizes[subset];
    it(`finds ${engines} test engines, ${cycles} cycles and ${regimes} operating regimes in ${subset}`, async () => {
      const fleet: CmapssFleet = await readCmapssFleet(dir, subset);
      assert.equal(fleet.lastOrigins.length, engines);
      assert.equal(fleet.allOrigins.length, cycles);
      assert.equal(fitRegimeScaling(featureSpec(fleet.type), fleet.training).regimeCount, regimes);
    });
  }

  it('writes its scores, the marginal as other implementations have it, and says them in a table', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millwright-benchmark-'));
    const json = join(folder, 'scores.json');
    const training = join(folder, 'training.yaml');
    await writeFile(training, 'steps: 20\nvalidateEverySteps: 10\nhiddenSize: 8\n');
    const options = ['--dir', dir, '--subset', 'FD001', '--seeds', '1', '--training', training];
    const run = spawnSync(
      process.execPath,
      ['dist/app/main.js', 'benchmark', 'cmapss', ...options, '--json', json],
      { encoding: 'utf8' },
    );
    assert.equal(run.status, 0, run.stderr);
    const scores = JSON.parse(await readFile(json, 'utf8'));
    await rm(folder, { recursive: true });
    assert.equal(scores.dataset, 'C-MAPSS FD001');
    assert.equal(scores.rows, 100);
    assert.equal(scores.ensemble, null);
    assert.equal(scores.seeds.length, 1);
    assert.deepEqual(scores.model, scores.seeds[0]);
    assert.equal(scores.baselines.marginal.meanBrier.toFixed(4), '0.0946');
    assert.ok(scores.baselines['smoothing-linear'].meanBrier < 0.0146);
    assert.match(run.stdout, /Last cycle, 100 engines/);
  });
});

const azureDir = resolve(process.cwd(), '../shared/data/azure_pdm');
const skipAzure = existsSync(azureDir) ? false : `NOT RUN: the Azure files are not at ${azureDir}`;

it('reads the Azure data as others do: their marginal hazard, their logistic', {
  skip: skipAzure,
}, async () => {
  const fleet = await readAzureFleet(
    azureDir,
    {
      trainUntilMs: Date.UTC(2015, 5, 30),
      testFromMs: Date.UTC(2015, 6, 31),
      testToMs: Date.UTC(2015, 7, 30),
    },
    'unknown',
  );
  assert.equal(fleet.origins.length, 3100);
  const score = (baseline: Baseline) =>
    scoreRows(forecastWithBaseline(baseline, fleet.origins), 30).meanBrier?.toFixed(4);
  assert.equal(score(fitMarginal(fleet.training, 30)), '0.1836');
  // The same regression by pandas and scikit-learn gives .1711, too.
  assert.equal(score(fitPersonPeriod(fleet.training, featureSpec(fleet.type))), '0.1711');
});
