/** `train` killed with SIGKILL again and again, and resumed, becomes the network that it would have become in one go. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, startMillwright } from './millwright-process.js';

const config = `
hiddenSize: 8
batchSize: 8
steps: 300
validateEverySteps: 5
schedule: plateau
plateauPatience: 1
patience: 100
`;

function trainIn(t: TestContext, ...more: string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-resume-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const plant = join(dir, 'millwright.yaml');
  writeFileSync(
    plant,
    `machineTypes: [${resolve('data/cmapss/turbofan.yaml')}]\nmachines: [{ match: "unit-*" }]\ndataDir: ${dir}/data\nmodel: { dir: ${dir}/models }\n`,
  );
  writeFileSync(join(dir, 'training.yaml'), config);
  const checkpoint = (seed: number) =>
    join(dir, 'models/turbofan/.training', `seed-${seed}`, 'checkpoint.json');
  const start = (...words: string[]) =>
    startMillwright(t, [
      ...['train', '-c', plant, '--data', 'examples/cmapss/train.yaml', '--machines', 'unit-1*'],
      ...['--training', join(dir, 'training.yaml'), '--json', ...more, ...words],
    ]);
  return { start, checkpoint };
}

const stepIn = (file: string): number =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { step: number }).step : 0;

function trained({ stdout, stderr, exitCode }: Ended) {
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as { version: string; metrics: { bestStep: number } };
}

/** Lets it run until `done`, then kill -9. */
async function killWhen(running: ReturnType<typeof startMillwright>, done: () => boolean): Promise<void> {
  while (!done()) await sleep(5);
  running.kill('SIGKILL');
  const { signal } = await running.ended;
  assert.equal(signal, 'SIGKILL', 'it did not end before');
}

test('killed three times on the way, at steps it did not choose', async (t) => {
  const whole = trained(await trainIn(t).start().ended);
  const broken = trainIn(t);
  const file = broken.checkpoint(1);
  await killWhen(broken.start(), () => stepIn(file) >= 20);
  // Far from the end: who looks at the steps may look late.
  for (const step of [50, 90]) {
    const before = stepIn(file);
    await killWhen(broken.start('--resume'), () => stepIn(file) >= step);
    assert.ok(stepIn(file) > before);
  }
  const resumed = trained(await broken.start('--resume').ended);
  // The version is a hash of all weights and statistics.
  assert.equal(resumed.version, whole.version);
  assert.equal(resumed.metrics.bestStep, whole.metrics.bestStep);
  assert.ok(!existsSync(file), 'nothing is left of the checkpoints');

  const again = await broken.start('--resume').ended;
  assert.equal(again.exitCode, 2);
  assert.match(again.stderr, /there is no unfinished training of machine type turbofan/);
});

test('killed in the second of an ensemble of two; Ctrl-C says how to go on', async (t) => {
  const whole = trained(await trainIn(t, '--ensemble', '2').start().ended);
  const broken = trainIn(t, '--ensemble', '2');
  await killWhen(broken.start(), () => stepIn(broken.checkpoint(2)) >= 50);
  const interrupted = broken.start('--resume');
  const before = stepIn(broken.checkpoint(2));
  while (stepIn(broken.checkpoint(2)) === before) await sleep(5);
  interrupted.kill('SIGINT');
  const { exitCode, stderr } = await interrupted.ended;
  assert.equal(exitCode, 130, stderr);
  assert.match(stderr, /with --resume/);
  assert.equal(trained(await broken.start('--resume').ended).version, whole.version);
});
