import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { networkLayout } from '../../model/network.js';
import { buildForecast } from '../../model/network-graph.js';
import { initializeParameters } from '../../model/parameters.js';
import { NetworkPredictor } from '../../model/predict.js';
import { smallHistories, smallPreprocessing, smallShape, smallSpec, windowAt } from './fixtures.js';

const histories = smallHistories(20);
const preprocessing = smallPreprocessing(histories);
const windows = histories.flatMap((history) => [2, 5, 8, 11].map((step) => windowAt(history, step)));
const { horizonSteps } = smallSpec;

describe('the remaining life that a network serves', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  async function foresee(seed: number, capSteps: number, scale: number) {
    const shape = { ...smallShape(preprocessing), remainingLife: true };
    const rng = new Rng(seed);
    const values = initializeParameters(networkLayout(shape), rng).map(
      (value) => scale * (value + rng.normal()),
    );
    const model = buildForecast(shape, preprocessing, values, {}, capSteps);
    const network = new NetworkPredictor('test', smallSpec, await engine.load(model));
    const { probabilities, remainingLifeSteps } = await network.foresee(windows);
    const curves = await network.predict(windows);
    await network.close();
    assert.deepEqual(probabilities, curves);
    assert.equal(remainingLifeSteps?.length, windows.length);
    return windows.map((_, index) => ({
      curve: probabilities.subarray(index * horizonSteps, (index + 1) * horizonSteps),
      life: remainingLifeSteps?.[index] ?? Number.NaN,
    }));
  }

  it('never contradicts the curve: it is at least what the curve says of the horizon, at most the cap beyond it', async () => {
    const capSteps = 40;
    let inDoubt = 0;
    for (const scale of [0.1, 0.5, 3])
      for (const { curve, life } of await foresee(7, capSteps, scale)) {
        const within = curve.subarray(0, -1).reduce((sum, failed) => sum + 1 - failed, 1);
        const survived = 1 - (curve.at(-1) as number);
        assert.ok(life >= within - 1e-4 && life <= within + survived * (capSteps - horizonSteps) + 1e-4);
        if (survived > 0.1 && life > within + 0.1) inDoubt++;
      }
    assert.ok(inDoubt > 0, 'some lives go on beyond the horizon');
  });

  it('is at most the cap, also one within the horizon', async () => {
    for (const { life } of await foresee(7, 2, 0.1)) assert.ok(life >= 1 && life <= 2, `${life}`);
  });
});
