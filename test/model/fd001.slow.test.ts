/** The bar of accuracy: C-MAPSS FD001, trained on its training engines, judged once on all of its test engines. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { wallClock } from '../../domain/clock.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { trainingConfigSchema } from '../../model/config.js';
import { openPredictor } from '../../model/predict.js';
import { train } from '../../model/trainer.js';
import {
  cmapssIsHere,
  cmapssSpec,
  lastWindow,
  meanBrier,
  testHistories,
  testLives,
  trainHistories,
} from './cmapss.js';

const skip = cmapssIsHere ? false : 'NOT RUN: the C-MAPSS files are not at ../shared/data/cmapss';

describe('a network trained on FD001 with the default config', { skip }, () => {
  let engine: OnnxEngine;
  let folder: string;
  before(async () => {
    engine = new OnnxEngine();
    folder = await mkdtemp(join(tmpdir(), 'millwright-fd001-'));
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  const config = trainingConfigSchema.parse({});
  for (const seed of [1, 2])
    it(`forecasts all 100 test engines at their last cycle with a mean Brier score of at most .016, and holds their lives in its intervals, seed ${seed}`, async (t) => {
      const spec = cmapssSpec(30, 90);
      const { directory, metrics } = await train({
        spec,
        histories: trainHistories('FD001'),
        config,
        seed,
        engine,
        clock: wallClock,
        modelsDirectory: folder,
        codeVersion: 'test',
      });
      const predictor = await openPredictor(directory, engine, spec);
      const tested = testHistories('FD001');
      assert.equal(tested.length, 100);
      const outlook = await predictor.foresee(tested.map((history) => lastWindow(history, spec)));
      const curves = outlook.probabilities;
      await predictor.close();
      const score = meanBrier(curves, tested, spec.horizonSteps);
      t.diagnostic(`mean Brier ${score.toFixed(5)}, validation ${metrics.validationMeanBrier.toFixed(5)}`);
      assert.ok(score <= 0.016, `mean Brier ${score}`);

      const held = testLives('FD001').filter((life, row) => {
        const capped = Math.min(life, config.remainingLifeCapSteps);
        const low = outlook.remainingLifeLowSteps?.[row] ?? NaN;
        return low <= capped && capped <= (outlook.remainingLifeHighSteps?.[row] ?? NaN);
      }).length;
      t.diagnostic(`the interval of the remaining life held ${held} of 100`);
      // 90 are promised; of 100 engines three standard errors are 9.
      assert.ok(held >= 81, `${held}`);
    });
});
