/** Whether a new network takes the place of the one in use, with real networks on small histories. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decideAdoption, describeAdoption } from '../../app/adoption.js';
import { codeVersion } from '../../app/training.js';
import { SetClock } from '../../domain/clock.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { WrittenArtifact } from '../../model/artifact.js';
import { trainingConfigSchema } from '../../model/config.js';
import { writeEnsemble } from '../../model/ensemble-artifact.js';
import { train } from '../../model/trainer.js';
import { smallHistories, smallSpec } from '../model/fixtures.js';

const histories = smallHistories(40);
const good = { hiddenSize: 8, batchSize: 16, steps: 100, validateEverySteps: 25, learningRate: 2e-2 };
const poor = { ...good, steps: 8, learningRate: 5e-3 };

describe('a network that was just trained', () => {
  let engine: OnnxEngine;
  let modelsDirectory: string;
  const made = new Map<string, WrittenArtifact>();
  before(async () => {
    engine = new OnnxEngine();
    modelsDirectory = await mkdtemp(join(tmpdir(), 'millwright-adoption-'));
    for (const [name, config, seed] of [
      ['good', good, 1],
      ['poor', poor, 1],
      ['hopeless', { ...good, steps: 2, learningRate: 3, validateEverySteps: 2, averageDecay: 0 }, 1],
      ['another draw', good, 2],
    ] as const)
      made.set(
        name,
        await train({
          spec: smallSpec,
          histories,
          config: trainingConfigSchema.parse(config),
          seed,
          engine,
          clock: new SetClock(0),
          modelsDirectory,
          codeVersion: codeVersion(),
        }),
      );
  });
  after(async () => {
    await engine.close();
    await rm(modelsDirectory, { recursive: true });
  });
  const network = (name: string) => made.get(name) as WrittenArtifact;
  const decide = (candidates: readonly string[], current?: string, lossMax?: number) =>
    decideAdoption({
      engine,
      spec: smallSpec,
      histories,
      candidates: candidates.map(network),
      currentDirectory: current === undefined ? undefined : network(current).directory,
      ...(lossMax === undefined ? {} : { lossMax }),
    });

  it('is taken where there was none, when it beats the marginal hazard', async () => {
    const adoption = await decide(['good']);
    assert.deepEqual([adoption.adopt, adoption.decision], [true, 'no-network-before']);
    assert.equal(adoption.machineCount, 8);
    assert.ok((adoption.meanBrier as number) < 0.8 * (adoption.marginalMeanBrier as number));
    assert.match(
      describeAdoption(adoption)[0] as string,
      /On 8 machines .* mean Brier 0\.\d+; the marginal hazard/,
    );
  });

  it('is not taken when it is no better than the marginal hazard, in use or not', async () => {
    for (const current of [undefined, 'good']) {
      const adoption = await decide(['hopeless'], current);
      assert.deepEqual([adoption.adopt, adoption.decision], [false, 'worse-than-marginal']);
    }
  });

  it('is not taken when it is worse than the one in use; the other way round it is', async () => {
    const worse = await decide(['poor'], 'good');
    assert.deepEqual([worse.adopt, worse.decision], [false, 'worse-than-current']);
    assert.match(describeAdoption(worse)[1] as string, /in use until now, 0\.\d+: worse \(difference \+/);
    const better = await decide(['good'], 'poor');
    assert.deepEqual([better.adopt, better.decision], [true, 'better-or-level']);
    assert.match(describeAdoption(better)[1] as string, /: better \(difference −/);
    assert.equal(better.current?.machineCount, 8);
  });

  it('may be worse by a share that is allowed, and no more', async () => {
    const { current } = await decide(['poor'], 'good');
    assert.ok(current?.difference && current.meanBrier);
    const low = current.difference.low / current.meanBrier;
    assert.ok(low > 0);
    assert.equal((await decide(['poor'], 'good', 1.01 * low)).decision, 'better-or-level');
    assert.equal((await decide(['poor'], 'good', 0.99 * low)).decision, 'worse-than-current');
  });

  it('is taken when it is the same again', async () => {
    const { decision, current } = await decide(['good'], 'good');
    assert.equal(decision, 'better-or-level');
    assert.deepEqual(current?.difference, { low: 0, high: 0 });
  });

  it('is not compared on machines that the other has learned from', async () => {
    const adoption = await decide(['another draw'], 'good');
    assert.deepEqual([adoption.adopt, adoption.decision], [true, 'not-comparable']);
    assert.match(
      describeAdoption(adoption)[1] as string,
      /machines are new to both .*, at least 5 are needed/,
    );
  });

  it('of an ensemble is judged member by member, and its artifact tells what all have seen', async () => {
    const adoption = await decide(['good', 'another draw'], 'poor');
    assert.equal(adoption.decision, 'better-or-level');
    const { metrics } = await writeEnsemble(
      modelsDirectory,
      ['good', 'another draw'].map((name) => network(name).directory),
      '0',
    );
    const members = ['good', 'another draw'].map((name) => network(name).metrics.seen);
    assert.deepEqual(
      new Set(metrics.seen?.trainingMachines),
      new Set(members.flatMap((seen) => seen?.trainingMachines ?? [])),
    );
    assert.ok(
      metrics.seen?.validationMachines.every((name) =>
        members.every((m) => m?.validationMachines.includes(name)),
      ),
    );
  });

  it('takes the place of one that cannot be used any more', async () => {
    const file = join(network('poor').directory, 'card.md');
    const card = await readFile(file);
    await writeFile(file, 'changed');
    const adoption = await decide(['good'], 'poor');
    assert.deepEqual([adoption.adopt, adoption.decision], [true, 'not-comparable']);
    assert.match(adoption.reason as string, /card\.md was changed/);
    await writeFile(file, card);
  });
});
