import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { differentiate } from '../../../model/graph/differentiate.js';
import { dim } from '../../../model/graph/dims.js';
import { Graph, type Tensor } from '../../../model/graph/graph.js';
import { add } from '../../../model/graph/operators/add.js';
import { affine } from '../../../model/graph/operators/affine.js';
import { concat } from '../../../model/graph/operators/concat.js';
import { divide } from '../../../model/graph/operators/divide.js';
import { eachTimes } from '../../../model/graph/operators/each-times.js';
import { exp } from '../../../model/graph/operators/exp.js';
import { layerNorm } from '../../../model/graph/operators/layer-norm.js';
import { multiply } from '../../../model/graph/operators/multiply.js';
import { reduceSum } from '../../../model/graph/operators/reduce-sum.js';
import { relu } from '../../../model/graph/operators/relu.js';
import { reshape } from '../../../model/graph/operators/reshape.js';
import { sigmoid } from '../../../model/graph/operators/sigmoid.js';
import { softplus } from '../../../model/graph/operators/softplus.js';
import { split } from '../../../model/graph/operators/split.js';
import { subtract } from '../../../model/graph/operators/subtract.js';
import { tanh } from '../../../model/graph/operators/tanh.js';
import { transpose } from '../../../model/graph/operators/transpose.js';
import { exponential } from '../../../model/graph/operators/without-gradient.js';
import { gradientError, type Variable } from '../gradient-check.js';

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
  ['relu', { a: awayFromZero(matrix) }, single(relu)],
  ['divide', { a: matrix, b: awayFromZero(matrix) }, pair(divide)],
  ['divide by a row', { a: matrix, b: awayFromZero(vector) }, pair(divide)],
  ['sigmoid', { a: matrix }, single(sigmoid)],
  ['tanh', { a: matrix }, single(tanh)],
  ['exp', { a: matrix }, single(exp)],
  ['relu', { a: matrix }, single(relu)],
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
    'layerNorm',
    { a: matrix, b: vector, c: vector },
    (tensors) => layerNorm(get(tensors, 'a'), get(tensors, 'b'), get(tensors, 'c')),
  ],
  ['transpose', { a: matrix }, single((a) => transpose(a, ['column', 'row']))],
  ['eachTimes', { a: { dims: [other, row, column] }, b: { dims: [column, dim('out', 5)] } }, pair(eachTimes)],
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
