// The shipped benchmark through the real commands: train on FD001's 100 run-to-failure engines, judge its 100 test engines.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const folder = process.env.CMAPSS_DIR ?? resolve('../shared/data/cmapss');
const skip = existsSync(join(folder, 'test_FD001.txt.gz'))
  ? false
  : `SKIPPED: ${folder} has no test_FD001.txt.gz; set CMAPSS_DIR to the folder of NASA's files`;

function millwright(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['dist/app/main.js', ...words], {
    encoding: 'utf8',
    env: { ...process.env, CMAPSS_DIR: folder },
  });
}

test('train, then backtest: all 100 test engines judged at their last known cycle, mean Brier at most .016', {
  skip,
}, (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-cmapss-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const config = join(dir, 'millwright.yaml');
  const shipped = readFileSync('examples/cmapss/millwright.yaml', 'utf8');
  writeFileSync(
    config,
    shipped
      .replaceAll('../../.millwright/cmapss', dir)
      .replace('../../data/cmapss/turbofan.yaml', resolve('data/cmapss/turbofan.yaml')),
  );
  const trained = millwright('train', '-c', config, '--data', 'examples/cmapss/train.yaml', '--json');
  assert.equal(trained.status, 0, trained.stderr);
  const judged = millwright(
    'backtest',
    ...['-c', config, '--data', 'examples/cmapss/test.yaml', '--baseline-data', 'examples/cmapss/train.yaml'],
    '--json',
  );
  assert.equal(judged.status, 0, judged.stderr);
  const report = JSON.parse(judged.stdout);
  assert.equal(report.rows.judgedCount, 100);
  assert.equal(report.rows.machineCount, 100);
  assert.equal(report.rows.notAssessableCount, 0);
  const [network, marginal] = report.forecasters;
  assert.equal(network.name, JSON.parse(trained.stdout).version);
  assert.equal(marginal.meanBrier.toFixed(4), '0.0946');
  assert.ok(network.meanBrier <= 0.016, `mean Brier ${network.meanBrier}`);
  assert.equal(network.brierByDay.length, 30);
  // The failures come after the cut: the alerts are judged by NASA's remaining lives.
  assert.ok(report.alerts.alertCounts.true >= 20, JSON.stringify(report.alerts.alertCounts));
});
