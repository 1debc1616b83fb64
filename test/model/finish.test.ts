import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { wallClock } from '../../domain/clock.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { WrittenArtifact } from '../../model/artifact.js';
import { type TrainingConfigInput, trainingConfigSchema } from '../../model/config.js';
import { writeEnsemble } from '../../model/ensemble-artifact.js';
import { openPredictor } from '../../model/predict.js';
import { train } from '../../model/trainer.js';
import { smallHistories, smallSpec, windowAt } from './fixtures.js';

const histories = smallHistories(24);
const windows = histories.map((history) => windowAt(history, 9));
const capSteps = 30;

describe('a network that is finished by its validation machines', () => {
  let engine: OnnxEngine;
  let folder: string;
  before(async () => {
    engine = new OnnxEngine();
    folder = await mkdtemp(join(tmpdir(), 'millwright-finish-'));
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });
  const trainWith = (config: TrainingConfigInput, seed = 1) =>
    train({
      spec: smallSpec,
      histories,
      config: trainingConfigSchema.parse({
        hiddenSize: 8,
        batchSize: 16,
        steps: 20,
        validateEverySteps: 10,
        validationShare: 0.5,
        remainingLifeCapSteps: capSteps,
        ...config,
      }),
      seed,
      engine,
      clock: wallClock,
      modelsDirectory: folder,
      codeVersion: '1.2.3',
    });
  const foresee = async ({ directory }: WrittenArtifact) => {
    const predictor = await openPredictor(directory, engine);
    const outlook = await predictor.foresee(windows);
    await predictor.close();
    return outlook;
  };

  it('tells intervals of the remaining life, and which machines they come from', async () => {
    const written = await trainWith({ lifeCoverage: 0.8 });
    const { metrics } = written;
    assert.equal(metrics.seen?.validationMachines.length, 12);
    assert.equal(metrics.lifeInterval?.coverage, 0.8);
    const { remainingLifeSteps, remainingLifeLowSteps, remainingLifeHighSteps } = await foresee(written);
    remainingLifeSteps?.forEach((life, row) => {
      const low = remainingLifeLowSteps?.[row] ?? NaN;
      const high = remainingLifeHighSteps?.[row] ?? NaN;
      assert.ok(low >= 0 && low <= life && life <= high && high <= capSteps, `${low} ${life} ${high}`);
      assert.ok(high > low);
    });
    assert.match(await readFile(join(written.directory, 'card.md'), 'utf8'), /probability of at least 0\.8/);
  });

  it('tells none where they were not asked for, or there are too few machines', async () => {
    for (const config of [{ lifeCoverage: 0 }, { lifeCoverage: 0.95 }, { remainingLifeWeight: 0 }]) {
      const written = await trainWith(config);
      const outlook = await foresee(written);
      assert.equal(written.metrics.lifeInterval, undefined);
      assert.equal(outlook.remainingLifeLowSteps, undefined);
    }
  });

  it('joins an ensemble that tells the mean of its intervals, and its spread', async () => {
    const members = [await trainWith({ lifeCoverage: 0.8 }, 1), await trainWith({ lifeCoverage: 0.8 }, 2)];
    const each = await Promise.all(members.map(foresee));
    const directories = members.map(({ directory }) => directory);
    const joined = await foresee(await writeEnsemble(folder, directories, '1.2.3'));
    joined.remainingLifeHighSteps?.forEach((high, row) => {
      const [one = NaN, two = NaN] = each.map((member) => member.remainingLifeHighSteps?.[row]);
      assert.ok(Math.abs(high - (one + two) / 2) < 1e-4);
    });
    assert.equal(joined.remainingLifeHighSteps?.length, windows.length);
    assert.equal(joined.probabilitiesHigh?.length, windows.length * smallSpec.horizonSteps);
  });
});
