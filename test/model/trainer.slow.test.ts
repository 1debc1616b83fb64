import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SetClock } from '../../domain/clock.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { cellNames } from '../../model/cells/cell.js';
import { trainingConfigSchema } from '../../model/config.js';
import { taskNames } from '../../model/tasks.js';
import { trainNetwork } from '../../model/trainer.js';
import { smallHistories, smallSpec } from './fixtures.js';

const histories = smallHistories(20);

describe('the trainer', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const lossOf = async (config: object) => {
    const trained = await trainNetwork({
      spec: smallSpec,
      histories,
      config: trainingConfigSchema.parse({
        hiddenSize: 8,
        batchSize: 16,
        validateEverySteps: 10,
        ...config,
      }),
      seed: 1,
      engine,
      clock: new SetClock(0),
    });
    return trained.validation.loss;
  };

  for (const cell of cellNames)
    for (const task of taskNames)
      for (const more of [{}, { layers: 2, normalization: 'layer' }])
        it(`teaches ${cell}, ${task} ${JSON.stringify(more)}: less than 0.7 of the untrained network's loss on machines it has not seen`, async () => {
          const network = { cell, task, ...more };
          const trained = await lossOf({ ...network, steps: 150, learningRate: 0.02 });
          const untrained = await lossOf({ ...network, steps: 1, learningRate: 1e-9 });
          assert.ok(trained < 0.7 * untrained, `${untrained} to ${trained}`);
        });
});
