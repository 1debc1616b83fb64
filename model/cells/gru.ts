/**
 * Gated recurrent unit, with the reset gate after the recurrent product ("linear before reset" in ONNX, reset_after in
 * Keras), as cuDNN and PyTorch have it: then one product per step does for all gates.
 *
 * Weights: input [I, 3H], recurrent [H, 3H], bias [4H]; gates along 3H in ONNX's order: update, reset, candidate
 * (https://onnx.ai/onnx/operators/onnx__GRU.html). PyTorch: r, z, n
 * (https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html); Keras: z, r, h. The bias has four blocks: update,
 * reset (each the sum of PyTorch's two), candidate of the input, candidate of the state, which the reset gate scales.
 *
 *   z = σ(a_z + u_z)   r = σ(a_r + u_r)   n = tanh(a_n + r∘u_n)   h' = (1 − z)∘n + z∘h
 *   with a = x·W + b[z, r, n] and u = h·R + b[0, 0, state]
 *
 * Source: Cho et al. 2014, in the first version of the paper (arXiv:1406.1078v1).
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
import { split } from '../graph/operators/split.js';
import { subtract } from '../graph/operators/subtract.js';
import { sumTo } from '../graph/operators/sum-to.js';
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
import { biasedInputs, gateWeights, readWith } from './gate-products.js';

export const gru: Cell = {
  name: 'gru',
  gateCount: 3,
  dims(input: Dim, hidden: Dim) {
    const size = fixedSize('gru', hidden);
    const gates = dim('gates', 3 * size);
    return { input: [input, gates], recurrent: [hidden, gates], bias: [dim('biases', 4 * size)] };
  },
  firstBias: (hiddenSize) => new Float64Array(4 * hiddenSize),
  unroll,
  fuse(x, weights, options) {
    const hidden = weights.recurrent.dims[0] as Dim;
    const { ofInput, ofState } = biases(weights.bias, hidden);
    const none = dim('gates', 2 * fixedSize('gru', hidden));
    const noSecondBias = x.graph.constant([none], new Float64Array(fixedSize('gru', none)));
    const both = () => concat([ofInput, noSecondBias, rename(ofState, ['gates'])], 'gates');
    return emitFused('GRU', gru, x, weights, both, options, { linear_before_reset: { int: 1 } });
  },
};

/** The bias [4H] as that of the input [3H] and that of the state's candidate [H]. */
function biases(bias: Tensor, hidden: Dim) {
  const size = fixedSize('gru', hidden);
  const [ofInput, ofState] = split(bias, 'biases', [dim('gates', 3 * size), hidden]);
  return { ofInput, ofState };
}

function unroll(x: Tensor, weights: CellWeights, options: UnrollOptions = {}): Unrolled {
  const { graph } = x;
  const { batch, input, hidden, perStep, allSteps, zeros } = checkUnroll(gru, x, weights, options);
  const { start } = options;
  const size = fixedSize('gru', hidden);
  const ofInputs = dim('read', fixedSize('gru', input) + 1); // and of the bias

  const { given, real, inputs, output } = graph.withoutTape(() => {
    const real = options.real && perStep(options.real);
    const inputs = biasedInputs(x);
    const { ofInput, ofState } = biases(weights.bias, hidden);
    const [ofUpdate, ofReset, ofCandidate] = gateWeights({ ...weights, bias: ofInput }, hidden) as Gates;
    const [fromStates, fromInputs] = split(ofCandidate, 'read', [dim('read', size), ofInputs]);
    const first = { state: start?.hidden ?? zeros() };
    const sequences = { inputs, real };
    const scanned = scan({ start: first, sequences, newestFirst: false }, (before, { inputs, real }) => {
      const read = readWith(before.state, inputs);
      const z = sigmoid(affine(read, ofUpdate));
      const r = sigmoid(affine(read, ofReset));
      const fromState = affine(rename(before.state, [batch.name, 'read']), fromStates, ofState);
      const n = tanh(affine(inputs, fromInputs, multiply(r, fromState)));
      // n + z∘(h − n): one product less than (1 − z)∘n + z∘h.
      const updated = add(n, multiply(z, subtract(before.state, n)));
      const state = real ? multiply(updated, real) : updated;
      return { carried: { state }, given: { state, z, r, n, fromState, stateBefore: before.state } };
    });
    return { ...scanned, real, inputs, output: allSteps(scanned.given.state) };
  });

  graph.record({
    operator: 'gru',
    inputs: [x, weights.input, weights.recurrent, weights.bias, ...(start ? [start.hidden] : [])],
    outputs: [output],
    gradients: ([ofStates]) => {
      const { state, ...saved } = given;
      const { carried, given: backward } = scan(
        {
          start: { ofState: zeros() },
          sequences: { ...saved, real, ofOutput: perStep(ofStates as Tensor) },
          newestFirst: true,
        },
        (later, { ofOutput, z, r, n, fromState, stateBefore, real }) => {
          const sum = add(ofOutput, later.ofState);
          const ofState = real ? multiply(sum, real) : sum;
          // With σ′ = σ − σ² and tanh′ = 1 − tanh², written so that products serve twice.
          const kept = multiply(ofState, z);
          const ofNew = subtract(ofState, kept);
          const candidate = subtract(ofNew, multiply(multiply(ofNew, n), n));
          const fromStates = multiply(candidate, r);
          const reset = multiply(fromStates, fromState);
          const update = multiply(kept, subtract(stateBefore, n));
          const products = concat(
            [subtract(update, multiply(update, z)), subtract(reset, multiply(reset, r)), fromStates].map(
              (part) => rename(part, [batch.name, 'gates']),
            ),
            'gates',
          );
          return {
            carried: { ofState: timesTransposed(products, weights.recurrent, kept) },
            given: { products, candidate },
          };
        },
      );
      const ofProducts = allSteps(backward.products); // [T·B, 3H]: of a_z + u_z, a_r + u_r, u_n
      const candidates = rename(allSteps(backward.candidate), ['row', 'gates']); // [T·B, H]: of a_n
      const [ofPair, ofStateCandidates] = split(ofProducts, 'gates', [dim('gates', 2 * size), hidden]);
      const ofGates = concat([ofPair, candidates], 'gates'); // [T·B, 3H]: of a
      const [ofInput, ofInputBias] = split(transposedTimes(allSteps(inputs), ofGates), 'read', [
        dim('read', input.size),
        dim('read', 1),
      ]);
      const ofStateBias = sumTo(rename(ofStateCandidates, ['row', 'biases']), [dim('biases', size)]);
      return [
        () => reshape(timesTransposed(ofGates, weights.input), x.dims),
        () => ({ ...ofInput, dims: weights.input.dims }),
        () => transposedTimes(allSteps(given.stateBefore), ofProducts),
        () => concat([reshape(ofInputBias, [dim('biases', 3 * size)]), ofStateBias], 'biases'),
        () => carried.ofState,
      ];
    },
  });
  return { states: output };
}

type Gates = readonly [Tensor, Tensor, Tensor];
