/**
 * The plain recurrent network: h' = tanh(x·W + h·R + b). Weights: input [I, H], recurrent [H, H], bias [H], the sum of
 * the two that PyTorch and ONNX have (https://onnx.ai/onnx/operators/onnx__RNN.html). One block: no order of gates.
 *
 * Source: Elman 1990.
 */
import { type Dim, dim, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { affine, timesTransposed, transposedTimes } from '../graph/operators/affine.js';
import { concat } from '../graph/operators/concat.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { scan } from '../graph/operators/scan.js';
import { subtract } from '../graph/operators/subtract.js';
import { tanh } from '../graph/operators/tanh.js';
import {
  type Cell,
  type CellWeights,
  checkUnroll,
  emitFused,
  rename,
  type Unrolled,
  type UnrollOptions,
} from './cell.js';
import { biasedInputs, gateWeights, ofCellWeights, readWith } from './gate-products.js';

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
  const { batch, hidden, perStep, allSteps, zeros } = checkUnroll(rnn, x, weights, options);
  const { start } = options;

  const { given, real, output } = graph.withoutTape(() => {
    const real = options.real && perStep(options.real);
    const [ofState] = gateWeights(weights, hidden) as readonly [Tensor];
    const first = { state: start?.hidden ?? zeros() };
    const sequences = { inputs: biasedInputs(x), real };
    const scanned = scan({ start: first, sequences, newestFirst: false }, (before, { inputs, real }) => {
      const read = readWith(before.state, inputs);
      const updated = tanh(affine(read, ofState));
      const state = real ? multiply(updated, real) : updated;
      return { carried: { state }, given: { state, read } };
    });
    return { ...scanned, real, output: allSteps(scanned.given.state) };
  });

  graph.record({
    operator: 'rnn',
    inputs: [x, weights.input, weights.recurrent, weights.bias, ...(start ? [start.hidden] : [])],
    outputs: [output],
    gradients: ([ofStates]) => {
      const { carried, given: backward } = scan(
        {
          start: { ofState: zeros() },
          sequences: { state: given.state, real, ofOutput: perStep(ofStates as Tensor) },
          newestFirst: true,
        },
        (later, { state, real, ofOutput }) => {
          const sum = add(ofOutput, later.ofState);
          const ofState = real ? multiply(sum, real) : sum;
          // tanh′ = 1 − tanh². Where the state is held at zero this is 1, and ofState 0.
          const before = subtract(ofState, multiply(multiply(ofState, state), state));
          const ofGates = rename(before, [batch.name, 'gates']);
          return { carried: { ofState: timesTransposed(ofGates, weights.recurrent) }, given: { ofGates } };
        },
      );
      const ofGates = allSteps(backward.ofGates);
      const ofWeights = ofCellWeights(transposedTimes(allSteps(given.read), ofGates), weights);
      return [
        () => reshape(timesTransposed(ofGates, weights.input), x.dims),
        () => ofWeights.input,
        () => ofWeights.recurrent,
        () => ofWeights.bias,
        () => carried.ofState,
      ];
    },
  });
  return { states: output };
}
