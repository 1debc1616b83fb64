/**
 * The plain recurrent network: h' = tanh(x·W + h·R + b). Weights: input [I, H], recurrent [H, H], bias [H], the sum of
 * the two that PyTorch and ONNX have (https://onnx.ai/onnx/operators/onnx__RNN.html). One block: no order of gates.
 *
 * Source: Elman 1990.
 */
import { type Dim, dim, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { affine, timesTransposed, transposedTimes } from '../graph/operators/affine.js';
import { concat } from '../graph/operators/concat.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { split } from '../graph/operators/split.js';
import { subtract } from '../graph/operators/subtract.js';
import { sumTo } from '../graph/operators/sum-to.js';
import { tanh } from '../graph/operators/tanh.js';
import {
  allSteps,
  type Cell,
  type CellWeights,
  checkUnroll,
  emitFused,
  rename,
  type Unrolled,
  type UnrollOptions,
} from './cell.js';

export const rnn: Cell = {
  name: 'rnn',
  gateCount: 1,
  dims(input: Dim, hidden: Dim) {
    const gates = dim('gates', fixedSize('rnn', hidden));
    return { input: [input, gates], recurrent: [hidden, gates], bias: [gates] };
  },
  firstBias: (hiddenSize) => new Float64Array(hiddenSize),
  unroll,
  fuse(x, weights, options) {
    const noSecondBias = x.graph.constant(
      weights.bias.dims,
      new Float64Array(fixedSize('rnn', weights.bias.dims[0] as Dim)),
    );
    return emitFused('RNN', rnn, x, weights, () => concat([weights.bias, noSecondBias], 'gates'), options);
  },
};

function unroll(x: Tensor, weights: CellWeights, options: UnrollOptions = {}): Unrolled {
  const { graph } = x;
  const { batch, input, gates, stepCount, row, steps, zeros } = checkUnroll(rnn, x, weights, options);
  const { start } = options;
  const asGates = (state: Tensor) => rename(state, [(state.dims[0] as Dim).name, 'gates']);

  const forward = graph.withoutTape(() => {
    const real = options.real && split(options.real, 'row', steps);
    const flat = reshape(x, [row, input]);
    const states: Tensor[] = [];
    let stateBefore: Tensor | undefined = start?.hidden;
    split(affine(flat, weights.input, weights.bias), 'row', steps).forEach((projection, t) => {
      const before = stateBefore ? affine(stateBefore, weights.recurrent, projection) : projection;
      const updated = rename(tanh(before), [batch.name, 'hidden']);
      stateBefore = real ? multiply(updated, real[t] as Tensor) : updated;
      states.push(stateBefore);
    });
    return { real, flat, states, output: allSteps(states, batch) };
  });

  graph.record({
    operator: 'rnn',
    inputs: [x, weights.input, weights.recurrent, weights.bias, ...(start ? [start.hidden] : [])],
    outputs: [forward.output],
    gradients: ([gradient]) => {
      // tanh′; where the state is held at zero this is 1, and the mask below makes the gradient 0.
      const bends = split(subtract(graph.scalar(1), multiply(forward.output, forward.output)), 'row', steps);
      const outputs = split(gradient as Tensor, 'row', steps);
      const backward: Tensor[] = []; // newest first
      let after: Tensor | undefined;
      for (let t = stepCount - 1; t >= 0; t--) {
        const output = outputs[t] as Tensor;
        const sum = after ? timesTransposed(after, weights.recurrent, output) : output;
        const state = forward.real ? multiply(sum, forward.real[t] as Tensor) : sum;
        after = asGates(multiply(state, bends[t] as Tensor));
        backward.push(after);
      }
      const first = after as Tensor;
      const before = allSteps(backward.reverse(), batch); // [T·B, H]
      const stateBefore = allSteps([start?.hidden ?? zeros(), ...forward.states.slice(0, -1)], batch);
      return [
        () => reshape(timesTransposed(before, weights.input), x.dims),
        () => transposedTimes(forward.flat, before),
        () => transposedTimes(stateBefore, before),
        () => sumTo(before, [gates]),
        () => timesTransposed(first, weights.recurrent),
      ];
    },
  });
  return { states: forward.output };
}
