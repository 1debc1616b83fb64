import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../../domain/rng.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { lstmDims, lstmUnrolled } from '../../../model/cells/lstm.js';
import { differentiate } from '../../../model/graph/differentiate.js';
import { dim } from '../../../model/graph/dims.js';
import { Graph, type Tensor } from '../../../model/graph/graph.js';
import { add } from '../../../model/graph/operators/add.js';
import { affine } from '../../../model/graph/operators/affine.js';
import { concat } from '../../../model/graph/operators/concat.js';
import { divide } from '../../../model/graph/operators/divide.js';
import { multiply } from '../../../model/graph/operators/multiply.js';
import { reduceSum } from '../../../model/graph/operators/reduce-sum.js';
import { reshape } from '../../../model/graph/operators/reshape.js';
import { sigmoid } from '../../../model/graph/operators/sigmoid.js';
import { softplus } from '../../../model/graph/operators/softplus.js';
import { split } from '../../../model/graph/operators/split.js';
import { subtract } from '../../../model/graph/operators/subtract.js';
import { tanh } from '../../../model/graph/operators/tanh.js';
import { exponential } from '../../../model/graph/operators/without-gradient.js';
import { type NetworkShape, networkLayout } from '../../../model/network.js';
import { buildLoss } from '../../../model/network-graph.js';
import { parameterCount } from '../../../model/parameters.js';
import { gradientError, lossGradientError, type Variable } from '../gradient-check.js';

const row = dim('row', 3);
const column = dim('column', 4);
const other = dim('other', 2);
const matrix: Variable = { dims: [row, column] };
const vector: Variable = { dims: [column] };
const thin: Variable = { dims: [row, dim('column', 1)] };
const awayFromZero = (variable: Variable): Variable => ({
  ...variable,
  values: (rng) => (rng.uniform() < 0.5 ? -1 : 1) * (0.5 + rng.uniform()),
});

type Named = Readonly<Record<string, Tensor>>;
const get = (tensors: Named, name: string) => tensors[name] as Tensor;
const pair =
  (f: (a: Tensor, b: Tensor) => Tensor) =>
  (tensors: Named): Tensor =>
    f(get(tensors, 'a'), get(tensors, 'b'));
const single =
  (f: (a: Tensor) => Tensor) =>
  (tensors: Named): Tensor =>
    f(get(tensors, 'a'));

const cases: readonly [
  string,
  Readonly<Record<string, Variable>>,
  (tensors: Named, graph: Graph) => Tensor,
][] = [
  ['add', { a: matrix, b: matrix }, pair(add)],
  ['add, a row for all', { a: matrix, b: vector }, pair(add)],
  ['add, a column for all', { a: thin, b: matrix }, pair(add)],
  ['subtract', { a: matrix, b: matrix }, pair(subtract)],
  ['subtract, a row from all', { a: matrix, b: vector }, pair(subtract)],
  ['multiply', { a: matrix, b: matrix }, pair(multiply)],
  ['multiply, a column with all', { a: matrix, b: thin }, pair(multiply)],
  ['multiply with itself', { a: matrix }, single((a) => multiply(a, a))],
  ['divide', { a: matrix, b: awayFromZero(matrix) }, pair(divide)],
  ['divide by a row', { a: matrix, b: awayFromZero(vector) }, pair(divide)],
  ['sigmoid', { a: matrix }, single(sigmoid)],
  ['tanh', { a: matrix }, single(tanh)],
  ['softplus', { a: matrix }, single(softplus)],
  ['affine', { a: matrix, b: { dims: [column, other] } }, pair((a, b) => affine(a, b))],
  [
    'affine with a bias',
    { a: matrix, b: { dims: [column, other] }, c: { dims: [other] } },
    (tensors) => affine(get(tensors, 'a'), get(tensors, 'b'), get(tensors, 'c')),
  ],
  [
    'affine with a matrix added',
    { a: matrix, b: { dims: [column, other] }, c: { dims: [row, other] } },
    (tensors) => affine(get(tensors, 'a'), get(tensors, 'b'), get(tensors, 'c')),
  ],
  ['reshape', { a: matrix }, single((a) => reshape(a, [dim('flat', 12)]))],
  [
    'concat',
    { a: matrix, b: { dims: [row, dim('column', 2)] } },
    pair((a, b) => concat([a, b, a], 'column', 'joined')),
  ],
  [
    'split, one piece unused',
    { a: matrix },
    single((a) => {
      const one = dim('piece', 1);
      const [first, , last] = split(a, 'column', [one, dim('piece', 2), one]);
      return multiply(first as Tensor, last as Tensor);
    }),
  ],
  ['reduceSum of all', { a: matrix }, single((a) => reduceSum(multiply(a, a)))],
  ['reduceSum of rows', { a: matrix }, single((a) => reduceSum(multiply(a, a), ['row']))],
  [
    'lstm',
    (() => {
      const dims = lstmDims(dim('input', 3), dim('hidden', 2));
      return {
        x: { dims: [dim('time', 4), dim('batch', 2), dim('input', 3)] },
        input: { dims: dims.input },
        recurrent: { dims: dims.recurrent },
        bias: { dims: dims.bias },
      };
    })(),
    (tensors) =>
      lstmUnrolled(get(tensors, 'x'), {
        input: get(tensors, 'input'),
        recurrent: get(tensors, 'recurrent'),
        bias: get(tensors, 'bias'),
      }),
  ],
];

describe('gradients', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  for (const [name, variables, build] of cases)
    it(`of ${name} equals central differences to 1e-7 of the largest`, async () => {
      const error = await gradientError(engine, variables, build);
      assert.ok(error < 1e-7, `error ${error}`);
    });

  it('of the whole training loss equals central differences to 1e-7 of the largest, for every parameter', async () => {
    const [stepCount, batchSize, inputs, hiddenSize, horizonSteps] = [5, 3, 3, 4, 4];
    const shape: NetworkShape = {
      inputSize: inputs,
      hiddenSize,
      horizonSteps,
      remainingLife: true,
      firstLogits: [-1, -2, -3, -1],
    };
    const graph = new Graph('float64');
    const x = graph.input('x', [dim('time', stepCount), dim('batch', batchSize), dim('input', inputs)]);
    const { loss } = buildLoss(graph, shape, x, { dropout: 0.2, remainingLifeWeight: 0.7 });
    const rng = new Rng(8);
    const draw = (count: number, value: () => number) => Float64Array.from({ length: count }, value);
    const rows = stepCount * batchSize;
    const error = await lossGradientError(engine, graph, loss, {
      x: draw(rows * inputs, () => rng.normal()),
      parameters: draw(parameterCount(networkLayout(shape)), () => 0.5 * rng.normal()),
      dropout: draw(batchSize * hiddenSize, () => (rng.uniform() < 0.2 ? 0 : 1.25)),
      eventDay: draw(rows, () => rng.int(horizonSteps + 1)),
      knownDays: draw(rows, () => rng.int(horizonSteps + 1)),
      lifeShare: draw(rows, () => rng.uniform()),
      lifeWeight: draw(rows, () => rng.int(2)),
    });
    assert.ok(error < 1e-7, `error ${error}`);
  });

  it('is refused through an operator that has none', () => {
    const graph = new Graph();
    const a = graph.input('a', [column], { tracked: true });
    const loss = reduceSum(multiply(exponential(a), a));
    assert.throws(
      () => differentiate(graph, loss, [a]),
      /multiply: Exp_\d+ comes from an operator that has no gradient/,
    );
  });

  it('is refused for a tensor that the loss does not depend on', () => {
    const graph = new Graph();
    const a = graph.input('a', [column], { tracked: true });
    const b = graph.input('b', [column], { tracked: true });
    assert.throws(() => differentiate(graph, reduceSum(a), [b]), /does not depend on b/);
  });
});
