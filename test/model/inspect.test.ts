import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { joinForecasts } from '../../model/ensemble.js';
import { inspectModel, type Size, sizeAt } from '../../model/inspect.js';
import { networkLayout } from '../../model/network.js';
import { operatorFlops } from '../../model/operator-cost.js';
import { parameterCount } from '../../model/parameters.js';
import {
  everyNetwork,
  randomForecast,
  smallHistories,
  smallPreprocessing,
  smallShape,
  smallSpec,
} from './fixtures.js';

const preprocessing = smallPreprocessing(smallHistories(12));
const { contextSteps, windowSteps, horizonSteps, names } = smallSpec;
const fixed = (...sizes: number[]): Size[] => sizes.map((each) => ({ fixed: each, perRow: 0 }));
const perRow = { fixed: 0, perRow: 1 };

describe('inspection of a model', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  it('gives shapes, parameters and operations of each layer', async () => {
    const shape = smallShape(preprocessing);
    const { operators, flops } = await inspectModel(randomForecast(preprocessing, 1), engine);
    assert.deepEqual(operators[0]?.inputs[0], [perRow, ...fixed(contextSteps, names.length)]);
    assert.deepEqual(operators.at(-1)?.outputs, [[perRow, ...fixed(horizonSteps)]]);
    const lstm = operators.find(({ operator }) => operator === 'LSTM');
    const { inputSize, hiddenSize } = shape;
    assert.deepEqual(lstm?.inputs[0], [...fixed(windowSteps), perRow, ...fixed(inputSize)]);
    assert.equal(lstm.parameterCount, 4 * hiddenSize * (inputSize + hiddenSize + 1));
    // Per step: four gates read the input and the state; three sigmoids, two hyperbolic tangents, four multiplications
    // and additions of the state, four additions of a bias.
    const perStep = 2 * 4 * hiddenSize * (inputSize + hiddenSize) + 13 * hiddenSize;
    assert.deepEqual(lstm.flops, { fixed: 0, perRow: windowSteps * perStep });
    const head = operators.find(({ operator }) => operator === 'Gemm');
    assert.equal(head?.parameterCount, (hiddenSize + 1) * horizonSteps);
    assert.deepEqual(head.flops, { fixed: 0, perRow: (2 * hiddenSize + 1) * horizonSteps });
    assert.ok(sizeAt(flops, 1) > lstm.flops.perRow + head.flops.perRow);
  });

  it('counts the parameters of every network, and of an ensemble those of its members', async () => {
    for (const network of everyNetwork) {
      const inspection = await inspectModel(randomForecast(preprocessing, 2, 1, network), engine);
      const count = parameterCount(networkLayout(smallShape(preprocessing, network)));
      assert.equal(inspection.parameterCount, count, JSON.stringify(network));
      const ofLayers = inspection.operators.reduce((sum, each) => sum + each.parameterCount, 0);
      // A recursive decoder reads the same weights once a day; a decoder starts from the encoder's states, of which
      // only the other layers' are normalised.
      const unread = network.task === 'encoder-decoder' && network.normalization === 'layer' ? 2 * 8 : 0;
      if (network.task === 'encoder-decoder-recursive') assert.ok(ofLayers > count);
      else assert.equal(ofLayers, count - unread, JSON.stringify(network));
    }
    const members = [1, 2, 3].map((seed) => randomForecast(preprocessing, seed));
    const joined = await inspectModel(joinForecasts(members, horizonSteps, {}), engine);
    const alone = await inspectModel(members[0] as Uint8Array, engine);
    assert.equal(joined.parameterCount, 3 * alone.parameterCount);
    assert.ok(sizeAt(joined.flops, 1) > 3 * sizeAt(alone.flops, 1));
  });

  it('holds at least the input and the largest layer in memory, in proportion to the batch', async () => {
    const { activationBytes } = await inspectModel(randomForecast(preprocessing, 1), engine);
    const inputBytes = 4 * contextSteps * names.length;
    assert.ok(activationBytes.perRow > inputBytes);
    assert.ok(sizeAt(activationBytes, 256) > 200 * activationBytes.perRow);
  });
});

describe('operations', () => {
  const cases: readonly [string, (readonly number[])[], (readonly number[])[], number][] = [
    [
      'MatMul',
      [
        [2, 3, 4],
        [4, 5],
      ],
      [[2, 3, 5]],
      2 * 2 * 3 * 4 * 5,
    ],
    ['Gemm', [[7, 4], [4, 5], [5]], [[7, 5]], 7 * 5 * (2 * 4 + 1)],
    [
      'Gemm',
      [
        [4, 7],
        [5, 4],
      ],
      [[7, 5]],
      7 * 5 * 2 * 4,
    ],
    ['Sigmoid', [[3, 5]], [[3, 5]], 15],
    ['ReduceSum', [[3, 5]], [[3]], 15],
    ['Reshape', [[3, 5]], [[15]], 0],
    [
      'RNN',
      [
        [6, 2, 3],
        [1, 4, 3],
        [1, 4, 4],
      ],
      [
        [6, 1, 2, 4],
        [1, 2, 4],
      ],
      6 * 2 * (2 * 4 * 7 + 2 * 4),
    ],
  ];
  for (const [operator, inputs, outputs, count] of cases)
    it(`of ${operator} on ${JSON.stringify(inputs)} are ${count}`, () => {
      assert.equal(operatorFlops(operator, inputs, outputs), count);
    });
});
