/** The same graphs on TensorFlow.js as on onnxruntime: the same results, to the rounding of float32. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SetClock } from '../../../domain/clock.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { TfjsEngine } from '../../../infra/tfjs/engine.js';
import { openTfjs, type TfjsPlace, tfjsBackends } from '../../../infra/tfjs/packages.js';
import { loadProgram } from '../../../infra/tfjs/program.js';
import { trainingConfigSchema } from '../../../model/config.js';
import type { Engine } from '../../../model/ports.js';
import { NetworkPredictor, type Outlook } from '../../../model/predict.js';
import { trainNetwork } from '../../../model/trainer.js';
import { engineConformance } from '../../conformance/engine.js';
import {
  everyNetwork,
  randomForecast,
  smallHistories,
  smallPreprocessing,
  smallSpec,
  windowAt,
} from '../../model/fixtures.js';
import { installedTfjs, skipWithout } from './installed.js';

const histories = smallHistories(20);
const preprocessing = smallPreprocessing(histories);
/** Histories of 1, 3, ... steps, in a window of 6: some are short. */
const windows = histories.flatMap((history) => [0, 2, 5, 8, 11].map((step) => windowAt(history, step)));

for (const backend of tfjsBackends) {
  const installed = installedTfjs(backend);
  describe(`TensorFlow.js (${backend})`, { skip: skipWithout(installed) }, () => {
    const place = installed as TfjsPlace;
    let onnx: OnnxEngine;
    let tfjs: TfjsEngine;
    before(() => {
      onnx = new OnnxEngine();
      tfjs = new TfjsEngine(place);
    });
    after(() => Promise.all([onnx.close(), tfjs.close()]));

    engineConformance('TensorFlow.js', () => new TfjsEngine(place));

    async function foresee(engine: Engine, model: Uint8Array, asked = windows): Promise<Outlook> {
      const network = new NetworkPredictor('test', smallSpec, await engine.load(model));
      const outlook = await network.foresee(asked);
      await network.close();
      return outlook;
    }

    for (const kind of everyNetwork)
      it(`${kind.cell}, ${kind.task}, ${kind.layers} layer(s): forecasts as onnxruntime`, async () => {
        const model = randomForecast(preprocessing, 3, 0.3, kind);
        close((await foresee(tfjs, model)).probabilities, (await foresee(onnx, model)).probabilities, 2e-6);
      });

    it('treats windows of nothing and of extremes as onnxruntime does', async () => {
      const model = randomForecast(preprocessing, 6);
      const length = smallSpec.contextSteps * smallSpec.names.length;
      for (const value of [NaN, 0, 3e38, -3e38, Infinity, -Infinity]) {
        const window = { rows: new Float32Array(length).fill(value), stepCount: 10 };
        const [a, b] = [await foresee(tfjs, model, [window]), await foresee(onnx, model, [window])];
        close(a.probabilities, b.probabilities, 2e-6);
      }
    });

    for (const change of [
      { cell: 'lstm', task: 'dense', remainingLifeWeight: 1 },
      { cell: 'gru', task: 'many-to-one', layers: 2, normalization: 'layer' },
      { cell: 'rnn', task: 'encoder-decoder-recursive', dropout: 0 },
      { cell: 'lstm', task: 'equal-length' },
    ])
      it(`trains ${change.cell}, ${change.task}: parameters after 20 steps as on onnxruntime`, async () => {
        const train = (engine: Engine) =>
          trainNetwork({
            spec: smallSpec,
            histories,
            config: trainingConfigSchema.parse({
              hiddenSize: 8,
              batchSize: 16,
              steps: 20,
              validateEverySteps: 10,
              ...change,
            }),
            seed: 1,
            engine,
            clock: new SetClock(0),
          });
        const [a, b] = [await train(tfjs), await train(onnx)];
        assert.equal(a.bestStep, b.bestStep);
        close(a.parameters, b.parameters, 1e-5);
        assert.ok(Math.abs(a.validation.loss - b.validation.loss) < 1e-5);
      });

    it('keeps no tensor of a run, and none of a graph that is closed', async () => {
      const open = await openTfjs(place);
      const { tf } = open;
      const before = tf.memory().numTensors;
      const graph = loadProgram(open, randomForecast(preprocessing, 6));
      const { contextSteps, names } = smallSpec;
      const run = () =>
        graph.run({
          windows: {
            dims: [2, contextSteps, names.length],
            data: new Float32Array(2 * contextSteps * names.length),
          },
        });
      await run();
      const after = tf.memory().numTensors;
      for (let count = 0; count < 5; count++) await run();
      assert.equal(tf.memory().numTensors, after);
      await graph.close();
      assert.equal(tf.memory().numTensors, before);
    });
  });
}

function close(a: Float32Array, b: Float32Array, within: number): void {
  assert.equal(a.length, b.length);
  const worst = a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] as number))), 0);
  assert.ok(worst <= within, `they differ by up to ${worst}`);
}
