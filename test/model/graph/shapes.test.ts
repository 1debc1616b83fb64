import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lstmDims, lstmUnrolled } from '../../../model/cells/lstm.js';
import { type Dims, dim } from '../../../model/graph/dims.js';
import { Graph } from '../../../model/graph/graph.js';
import { add } from '../../../model/graph/operators/add.js';
import { affine } from '../../../model/graph/operators/affine.js';
import { concat } from '../../../model/graph/operators/concat.js';
import { reshape } from '../../../model/graph/operators/reshape.js';
import { split } from '../../../model/graph/operators/split.js';

const batch = dim('batch', 8);
const input = dim('input', 5);

function tensor(...dims: Dims) {
  return new Graph().input('x', dims);
}

describe('a graph that does not fit together is refused while it is built, with operator, dimension, got and wanted', () => {
  const cases: readonly [string, () => unknown, RegExp][] = [
    [
      'element-wise sizes',
      () => add(tensor(batch, input), tensor(dim('batch', 7), input)),
      /^add: dimension 0: got "batch 7", wanted "batch 8"/,
    ],
    [
      'element-wise names',
      () => add(tensor(batch, input), tensor(dim('hidden', 5))),
      /^add: dimension 1: got "hidden 5", wanted "input 5"/,
    ],
    [
      'a matrix product',
      () => affine(tensor(batch, input), tensor(dim('input', 6), dim('hidden', 3))),
      /^affine: dimension 0 of w: got "input 6", wanted "input 5"/,
    ],
    [
      'a bias',
      () => affine(tensor(batch, input), tensor(input, dim('hidden', 3)), tensor(dim('hidden', 4))),
      /^affine: dimension 0 of b: got "hidden 4", wanted "hidden 3"/,
    ],
    [
      'a rank',
      () => affine(tensor(batch), tensor(input, input)),
      /^affine: rank of x: got 1 \[batch 8\], wanted 2/,
    ],
    [
      'a joint',
      () => concat([tensor(batch, input), tensor(dim('batch', 9), input)], 'input'),
      /^concat: dimension 0 of part 1: got "batch 9", wanted "batch 8"/,
    ],
    [
      'a missing name',
      () => concat([tensor(batch)], 'time'),
      /^concat: dimension "time": got \[batch 8\], wanted one/,
    ],
    [
      'pieces',
      () => split(tensor(batch), 'batch', [dim('batch', 4), dim('batch', 3)]),
      /^split: dimension "batch": got pieces of 7 together, wanted batch 8/,
    ],
    [
      'another form',
      () => reshape(tensor(batch, input), [dim('flat', 41)]),
      /^reshape: all dimensions: got \[batch 8, input 5\], wanted as many as \[flat 41\]/,
    ],
    [
      'weights of a cell',
      () => {
        const hidden = dim('hidden', 4);
        const dims = lstmDims(dim('input', 6), hidden);
        return lstmUnrolled(tensor(dim('time', 3), batch, input), {
          input: tensor(...dims.input),
          recurrent: tensor(...dims.recurrent),
          bias: tensor(...dims.bias),
        });
      },
      /^lstm: dimension 0 of input weights: got "input 6", wanted "input 5"/,
    ],
  ];
  for (const [name, build, message] of cases)
    it(name, () => {
      assert.throws(build, { name: 'ShapeError', message });
    });
});
