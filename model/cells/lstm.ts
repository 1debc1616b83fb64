/**
 * Long short-term memory. Weights: input [I, 4H], recurrent [H, 4H], bias [4H]; gates along 4H in ONNX's order: input,
 * output, forget, cell (https://onnx.ai/onnx/operators/onnx__LSTM.html). PyTorch: i, f, g, o and two biases, of which
 * ours is the sum (https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html); Keras: i, f, c, o. Gates use the
 * true sigmoid.
 *
 *   i = σ(a_i)   o = σ(a_o)   f = σ(a_f)   g = tanh(a_g)   with a = x·W + h·R + b
 *   c' = f∘c + i∘g            h' = o∘tanh(c')
 *
 * Source: Hochreiter & Schmidhuber 1997; forget gate Gers, Schmidhuber & Cummins 2000.
 */
import { type Dim, dim, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { affine, timesTransposed, transposedTimes } from '../graph/operators/affine.js';
import { concat } from '../graph/operators/concat.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { scan } from '../graph/operators/scan.js';
import { sigmoid } from '../graph/operators/sigmoid.js';
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

/** Position of the forget gate's block. */
const forgetGate = 2;

export const lstm: Cell = {
  name: 'lstm',
  gateCount: 4,
  dims(input: Dim, hidden: Dim) {
    const gates = dim('gates', 4 * fixedSize('lstm', hidden));
    return { input: [input, gates], recurrent: [hidden, gates], bias: [gates] };
  },
  // An open forget gate at the start lets gradients through (Jozefowicz, Zaremba & Sutskever 2015).
  firstBias: (hiddenSize) =>
    new Float64Array(4 * hiddenSize).fill(1, forgetGate * hiddenSize, (forgetGate + 1) * hiddenSize),
  unroll,
  fuse(x, weights, options) {
    const noSecondBias = x.graph.constant(
      weights.bias.dims,
      new Float64Array(fixedSize('lstm', weights.bias.dims[0] as Dim)),
    );
    return emitFused('LSTM', lstm, x, weights, () => concat([weights.bias, noSecondBias], 'gates'), options);
  },
};

function unroll(x: Tensor, weights: CellWeights, options: UnrollOptions = {}): Unrolled {
  const { graph } = x;
  const { batch, hidden, row, perStep, allSteps, zeros } = checkUnroll(lstm, x, weights, options);
  const { start } = options;

  const { carried, given, real, output } = graph.withoutTape(() => {
    const real = options.real && perStep(options.real);
    const [ofInput, ofOutput, ofForget, ofCandidate] = gateWeights(weights, hidden) as Gates;
    const first = { state: start?.hidden ?? zeros(), cell: start?.memory ?? zeros() };
    const sequences = { inputs: biasedInputs(x), real };
    const scanned = scan({ start: first, sequences, newestFirst: false }, (before, { inputs, real }) => {
      const read = readWith(before.state, inputs);
      const i = sigmoid(affine(read, ofInput));
      const o = sigmoid(affine(read, ofOutput));
      const f = sigmoid(affine(read, ofForget));
      const g = tanh(affine(read, ofCandidate));
      const updated = add(multiply(f, before.cell), multiply(i, g));
      // tanh(0) is 0: a cell that is held at zero holds the state there, too.
      const cell = real ? multiply(updated, real) : updated;
      const cellTanh = tanh(cell);
      const state = multiply(o, cellTanh);
      return {
        carried: { state, cell },
        given: { state, read, i, o, f, g, cellTanh, cellBefore: before.cell },
      };
    });
    return { ...scanned, real, output: allSteps(scanned.given.state) };
  });

  graph.record({
    operator: 'lstm',
    inputs: [
      x,
      weights.input,
      weights.recurrent,
      weights.bias,
      ...(start ? [start.hidden, start.memory as Tensor] : []),
    ],
    outputs: [output, carried.cell],
    gradients: ([ofStates, ofMemory]) => {
      const { state, read, ...saved } = given;
      const backward = scan(
        {
          start: { ofState: zeros(), ofCell: ofMemory ?? zeros() },
          sequences: { ...saved, real, ofOutput: perStep(ofStates ?? zeros(row)) },
          newestFirst: true,
        },
        (later, { ofOutput, i, o, f, g, cellTanh, cellBefore, real }) => {
          const ofState = add(ofOutput, later.ofState);
          // With σ′ = σ − σ² and tanh′ = 1 − tanh², written so that products serve twice.
          const opened = multiply(ofState, o);
          const bent = multiply(opened, cellTanh);
          const both = add(subtract(opened, multiply(bent, cellTanh)), later.ofCell);
          const ofCell = real ? multiply(both, real) : both;
          const written = multiply(ofCell, i);
          const scaled = multiply(written, g);
          const kept = multiply(ofCell, f);
          const keptCell = multiply(kept, cellBefore);
          const ofGates = concat(
            [
              subtract(scaled, multiply(scaled, i)),
              subtract(bent, multiply(bent, o)),
              subtract(keptCell, multiply(keptCell, f)),
              subtract(written, multiply(scaled, g)),
            ].map((part) => rename(part, [batch.name, 'gates'])),
            'gates',
          );
          return {
            carried: { ofState: timesTransposed(ofGates, weights.recurrent), ofCell: kept },
            given: { ofGates },
          };
        },
      );
      const ofGates = allSteps(backward.given.ofGates);
      const ofWeights = ofCellWeights(transposedTimes(allSteps(read), ofGates), weights);
      return [
        () => reshape(timesTransposed(ofGates, weights.input), x.dims),
        () => ofWeights.input,
        () => ofWeights.recurrent,
        () => ofWeights.bias,
        () => backward.carried.ofState,
        () => backward.carried.ofCell,
      ];
    },
  });
  return { states: output, memory: carried.cell };
}

type Gates = readonly [Tensor, Tensor, Tensor, Tensor];
