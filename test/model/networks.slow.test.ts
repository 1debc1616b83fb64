/** What holds for every network that can be trained: each cell with each task. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FeatureWindow } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { dim } from '../../model/graph/dims.js';
import { Graph } from '../../model/graph/graph.js';
import { describeNetwork, dropoutWidth, type NetworkShape, networkLayout } from '../../model/network.js';
import { buildLoss, buildTrainingStep, buildValidation } from '../../model/network-graph.js';
import { adamwSchedule } from '../../model/optimizers/adamw.js';
import { initializeParameters, parameterCount } from '../../model/parameters.js';
import { outputOf } from '../../model/ports.js';
import { NetworkPredictor } from '../../model/predict.js';
import { labelsOf } from '../../model/tasks.js';
import {
  everyNetwork,
  randomForecast,
  smallHistories,
  smallPreprocessing,
  smallShape,
  smallSpec,
  windowAt,
} from './fixtures.js';
import { lossGradientError } from './gradient-check.js';

const horizon = smallSpec.horizonSteps;
const histories = smallHistories(12);
const preprocessing = smallPreprocessing(histories);
const windows = histories.flatMap((history) => [1, 4, 7, 11].map((step) => windowAt(history, step)));

describe('every network', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const predictor = async (change: Partial<NetworkShape>, seed: number, scale = 1, fitted = preprocessing) =>
    new NetworkPredictor('test', fitted.spec, await engine.load(randomForecast(fitted, seed, scale, change)));

  for (const network of everyNetwork) {
    const name = describeNetwork(smallShape(preprocessing, network));

    it(`${name}: gradients of the whole loss equal central differences to 1e-7 of the largest`, async () => {
      const [stepCount, batchSize, inputs, hiddenSize, horizonSteps] = [5, 3, 3, 3, 4];
      const shape: NetworkShape = {
        ...network,
        inputSize: inputs,
        hiddenSize,
        horizonSteps,
        remainingLife: true,
        firstLogits: [-1, -2, -3, -1],
        decoderUnits: 4,
        visitAgeSize: 2,
        futureSize: 2,
      };
      const graph = new Graph('float64');
      const x = graph.input('x', [dim('time', stepCount), dim('batch', batchSize), dim('input', inputs)]);
      const everyStep = labelsOf(network.task) === 'every-step';
      const real = everyStep
        ? undefined
        : graph.input('real', [dim('row', stepCount * batchSize), dim('hidden', 1)]);
      const visitAge = graph.input('visitAge', [dim('batch', batchSize), dim('visit-age', 2)]);
      const options = { dropout: 0.2, remainingLifeWeight: 0.7 };
      const { loss } = buildLoss(graph, shape, x, options, real, { visitAge });
      const rng = new Rng(8);
      const draw = (count: number, value: (index: number) => number) =>
        Float64Array.from({ length: count }, (_, index) => value(index));
      const rows = everyStep ? stepCount * batchSize : batchSize;
      const error = await lossGradientError(engine, graph, loss, {
        x: draw(stepCount * batchSize * inputs, () => rng.normal()),
        // Series of 5, 4 and 1 steps.
        real: draw(stepCount * batchSize, (row) =>
          Math.floor(row / batchSize) >= ([0, 1, 4][row % batchSize] as number) ? 1 : 0,
        ),
        visitAge: draw(batchSize * 2, (index) => (index % 3 === 0 ? 1 : 0)),
        future: draw(batchSize * horizonSteps * 2, () => rng.normal()),
        parameters: draw(parameterCount(networkLayout(shape)), () => 0.5 * rng.normal()),
        dropout: draw(batchSize * dropoutWidth(shape), () => (rng.uniform() < 0.2 ? 0 : 1.25)),
        eventDay: draw(rows, () => rng.int(horizonSteps + 1)),
        knownDays: draw(rows, () => 1 + rng.int(horizonSteps)),
        lifeShare: draw(rows, () => rng.uniform()),
        lifeWeight: draw(rows, (row) => (row === 0 ? 1 : rng.int(2))),
      });
      assert.ok(error < 1e-7, `error ${error}`);
    });

    it(`${name}: what is trained is what is served`, async () => {
      const shape = smallShape(preprocessing, network);
      const parameters = initializeParameters(networkLayout(shape), new Rng(4));
      const width = smallSpec.contextSteps * smallSpec.names.length;
      // Windows with a series in all T steps, and shorter ones where the task allows padding in training.
      const chosen =
        labelsOf(network.task) === 'every-step' ? windows.filter((w) => w.stepCount > 6) : windows;
      const data = new Float32Array(chosen.length * width);
      chosen.forEach(({ rows }, index) => {
        data.set(rows, index * width);
      });
      const step = await engine.load(
        buildTrainingStep(shape, preprocessing, {
          batchSize: chosen.length,
          weightDecay: 0,
          clipNorm: 1,
          dropout: 0,
          remainingLifeWeight: 0,
        }),
      );
      const validation = await engine.load(buildValidation(shape, preprocessing));
      const dims = [chosen.length, smallSpec.contextSteps, smallSpec.names.length];
      const judged = await validation.run({
        parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
        windows: { dims, data: Float32Array.from(data) },
      });
      const logits = outputOf(judged, 'logits').data as Float32Array;
      // All days known and free of failures: the loss is the sum of the softpluses of the logits.
      let wanted = 0;
      for (const logit of logits) wanted += Math.log1p(Math.exp(logit)) / chosen.length;
      const everyStep = labelsOf(network.task) === 'every-step';
      const rowCount = everyStep ? smallSpec.windowSteps * chosen.length : chosen.length;
      const isNewest = (row: number) => row >= rowCount - chosen.length;
      const zeros = () => ({ dims: [parameters.length], data: new Float32Array(parameters.length) });
      const result = await step.run({
        parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
        moment1: zeros(),
        moment2: zeros(),
        windows: { dims, data },
        eventDay: { dims: [rowCount, 1], data: new Float32Array(rowCount) },
        knownDays: {
          dims: [rowCount, 1],
          data: Float32Array.from({ length: rowCount }, (_, row) => (isNewest(row) ? horizon : 0)),
        },
        schedule: { dims: [3], data: adamwSchedule(1, 1e-3) },
      });
      const loss = outputOf(result, 'hazardLoss').data[0] as number;
      assert.ok(Math.abs(loss - wanted) < 1e-5 * wanted, `${loss} and ${wanted}`);
      const next = outputOf(result, 'nextParameters').data as Float32Array;
      assert.ok(next.some((value, index) => value !== parameters[index]));
      await step.close();
      await validation.close();
    });

    it(`${name}: curves are in [0, 1] and never fall, for any weights`, async () => {
      for (const [seed, scale] of [0.1, 1, 10, 100].entries()) {
        const served = await predictor(network, seed + 1, scale);
        const curves = await served.predict(windows);
        assert.equal(curves.length, windows.length * horizon);
        curves.forEach((value, index) => {
          assert.ok(value >= 0 && value <= 1, `scale ${scale}: ${value}`);
          if (index % horizon > 0)
            assert.ok(value >= (curves[index - 1] as number), `scale ${scale}: falls at ${index}`);
        });
        await served.close();
      }
    });

    it(`${name}: a window gives the same bits alone and in a batch of any size and order`, async () => {
      const served = await predictor(network, 2, 0.3);
      const one: number[][] = [];
      for (const window of windows) one.push([...(await served.predict([window]))]);
      assert.ok(new Set(one.map(String)).size > windows.length / 2, 'windows differ');
      for (const size of [2, 3, 5, 8, 33, windows.length]) {
        const order = new Rng(size).shuffle(windows.map((_, index) => index)).slice(0, size);
        const curves = await served.predict(order.map((index) => windows[index] as FeatureWindow));
        order.forEach((index, row) => {
          assert.deepEqual([...curves.subarray(row * horizon, (row + 1) * horizon)], one[index]);
        });
      }
      await served.close();
    });

    it(`${name}: padding is not seen: a short history gives the same in a longer context`, async () => {
      const longer = { ...preprocessing, spec: { ...preprocessing.spec, contextSteps: 25 } };
      const short = await predictor(network, 4);
      const long = await predictor(network, 4, 1, longer);
      for (const step of [0, 2, 5, 8])
        for (const history of histories.slice(0, 3)) {
          const a = await short.predict([windowAt(history, step)]);
          const b = await long.predict([windowAt(history, step, longer.spec)]);
          a.forEach((value, day) => {
            assert.ok(Math.abs(value - (b[day] as number)) < 1e-6, `step ${step}: ${value} and ${b[day]}`);
          });
        }
      await short.close();
      await long.close();
    });
  }
});
