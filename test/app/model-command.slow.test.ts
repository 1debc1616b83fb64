// Versions of networks as a person meets them: in real processes, from the first training to a rollback.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

const program = resolve('dist/app/main.js');
let dir: string;

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'millwright-model-'));
  cpSync('examples/simulated/press.yaml', join(dir, 'press.yaml'));
  const factory = readFileSync('examples/simulated/factory.yaml', 'utf8')
    .replace('machines: 20', 'machines: 40')
    .replace('days: 180', 'days: 120')
    .replace('everyMs: 1h', 'everyMs: 12h');
  writeFileSync(join(dir, 'factory.yaml'), factory);
  writeFileSync(
    join(dir, 'millwright.yaml'),
    'machineTypes: [press.yaml]\nmachines: [{ match: "press-*", attributes: { maker: acme } }]\n',
  );
  const training = (steps: number, rate: number) =>
    `hiddenSize: 8\nsteps: ${steps}\nvalidateEverySteps: ${Math.min(steps, 25)}\nlearningRate: ${rate}\n`;
  writeFileSync(join(dir, 'good.yaml'), training(150, 0.01));
  writeFileSync(join(dir, 'poor.yaml'), training(4, 0.001));
});
after(() => rmSync(dir, { recursive: true }));

function millwright(...words: string[]) {
  return spawnSync(process.execPath, [program, ...words], { cwd: dir, encoding: 'utf8' });
}

/** What a command prints as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: what commands print is checked by what is asked of it.
function json(status: number, ...words: string[]): any {
  const run = millwright(...words, '--json');
  assert.equal(run.status, status, `${words.join(' ')}: ${run.stdout}${run.stderr}`);
  return JSON.parse(run.stdout);
}

interface Listed {
  readonly version: string;
  readonly state: string;
}
const states = (): Record<string, string> =>
  Object.fromEntries(json(0, 'model', 'list').versions.map(({ version, state }: Listed) => [version, state]));
const inUse = () => readFileSync(join(dir, 'models/press/current'), 'utf8').trim();

test('from training to rollback: what is worse is refused by every command, and who did what stays on record', () => {
  const data = ['--data', 'factory.yaml'];
  const first = json(0, 'train', ...data, '--training', 'good.yaml', '--by', 'kim').version as string;
  const poor = json(1, 'train', ...data, '--training', 'poor.yaml').version as string;
  assert.deepEqual([states()[first], states()[poor]], ['champion', 'candidate']);

  const distilled = json(1, 'distill', ...data, '--training', 'poor.yaml', '--use');
  assert.match(distilled.adoption.decision, /^worse-than/);
  assert.equal(distilled.adoption.inUse, false);
  assert.equal(inUse(), first, 'a small network that is worse is not taken into use');
  const forced = json(
    0,
    'distill',
    ...data,
    '--training',
    'poor.yaml',
    '--use',
    '--force',
    '--why',
    'a trial',
  );
  assert.deepEqual([forced.version, inUse()], [distilled.version, forced.version]);

  const back = json(0, 'model', 'rollback', '--by', 'ann', '--why', 'it was worse');
  assert.deepEqual([back.version, back.before, inUse()], [first, forced.version, first]);
  assert.match(millwright('model', 'rollback').stderr, /knows no version that was in use for press before/);

  const quantized = json(0, 'quantize', ...data, '--loss-max', '50', '--use');
  assert.equal(inUse(), quantized.version);
  assert.equal(json(0, 'model', 'rollback').version, first);

  // What is known of a version.
  const shown = json(0, 'model', 'show', first);
  assert.deepEqual(
    shown.history
      .map(({ action, by, via }: { action: string; by: string; via: string }) => [action, by, via])
      .slice(0, 2),
    [
      ['add', 'kim', 'train'],
      ['promote', 'kim', 'train'],
    ],
  );
  assert.equal(shown.lineage.config.hiddenSize, 8);
  assert.equal(shown.lineage.data.machineCount, 40);
  assert.equal(new Date(shown.lineage.data.lastMs).toISOString().slice(0, 7), '2026-05');
  assert.deepEqual(json(0, 'model', 'show', quantized.version).lineage.parents, [
    { version: first, as: 'float32' },
  ]);
  assert.deepEqual(json(0, 'model', 'show', forced.version).lineage.parents, [
    { version: first, as: 'teacher' },
  ]);
  assert.match(
    millwright('model', 'show', first).stdout,
    /settings +seed 1, hiddenSize 8, .*\n.*validation +mean Brier 0\./,
  );

  const { differences } = json(0, 'model', 'diff', first, poor);
  const differing = differences.map(({ what }: { what: string }) => what);
  for (const what of ['state', 'config.steps', 'metrics.validationMeanBrier', 'hashes.model'])
    assert(differing.includes(what), `${what} in ${differing}`);
  for (const what of ['config.hiddenSize', 'data.hash']) assert(!differing.includes(what), what);

  // By hand.
  assert.match(millwright('model', 'promote', 'lstm-0').stderr, /there is no version "lstm-0" in .*models/);
  const retiring = millwright('model', 'retire', first);
  assert.equal(retiring.status, 2);
  assert.match(retiring.stderr, new RegExp(`${first} is in use for press: promote another version first`));
  json(0, 'model', 'retire', forced.version);
  assert.equal(states()[forced.version], 'retired');
  appendFileSync(join(dir, 'models/press', poor, 'model.onnx'), 'x');
  const broken = millwright('model', 'promote', poor);
  assert.equal(broken.status, 2);
  assert.match(broken.stderr, /model\.onnx was changed after it was written/);
  assert.equal(inUse(), first, 'a version that does not load is not promoted');

  const { entries } = json(0, 'model', 'log');
  const deeds = entries.map(({ action, version }: { action: string; version: string }) => [action, version]);
  assert.deepEqual(
    deeds.filter(([, version]: [string, string]) => !version.startsWith('values-')),
    [
      ['add', first],
      ['promote', first],
      ['add', poor],
      ['refuse', poor],
      ['add', forced.version],
      ['refuse', forced.version],
      ['add', forced.version],
      ['promote', forced.version],
      ['rollback', first],
      ['add', quantized.version],
      ['promote', quantized.version],
      ['rollback', first],
      ['retire', forced.version],
    ],
  );
  const log = millwright('model', 'log').stdout;
  assert.match(log, /taken into use in place of .* by .* \(distill\): a trial; worse than .*; forced/);
  assert.match(log, /taken into use again in place of .* by ann \(model rollback\): it was worse/);
});
