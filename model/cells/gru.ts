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
import { sigmoid } from '../graph/operators/sigmoid.js';
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

/** As the LSTM's: few large products, derivatives of the gates for all steps at once. */
function unroll(x: Tensor, weights: CellWeights, options: UnrollOptions = {}): Unrolled {
  const { graph } = x;
  const { batch, input, hidden, gates, stepCount, row, steps, zeros } = checkUnroll(gru, x, weights, options);
  const { start } = options;
  const size = fixedSize('gru', hidden);
  const pair = dim('gates', 2 * size);

  const forward = graph.withoutTape(() => {
    const real = options.real && split(options.real, 'row', steps);
    const flat = reshape(x, [row, input]);
    const { ofInput, ofState } = biases(weights.bias, hidden);
    const projected = affine(flat, weights.input, ofInput);
    const [projectedPair, projectedCandidate] = split(projected, 'gates', [pair, hidden]);
    const pairs = split(projectedPair, 'row', steps);
    const candidateInputs = split(projectedCandidate, 'row', steps);
    const [recurrentPair, recurrentCandidate] = split(weights.recurrent, 'gates', [pair, hidden]);
    const before = start?.hidden ?? zeros();
    const gateValues: Tensor[] = [];
    const updates: Tensor[] = [];
    const fromStates: Tensor[] = [];
    const candidates: Tensor[] = [];
    const states: Tensor[] = [];
    let stateBefore = before;
    pairs.forEach((projection, t) => {
      const gate = sigmoid(affine(stateBefore, recurrentPair, projection));
      const [update, reset] = split(gate, 'gates', [hidden, hidden]);
      const fromState = affine(stateBefore, recurrentCandidate, ofState);
      const candidate = tanh(add(candidateInputs[t] as Tensor, multiply(reset, fromState)));
      // n + z∘(h − n): one product less than (1 − z)∘n + z∘h.
      const updated = add(candidate, multiply(update, subtract(stateBefore, candidate)));
      gateValues.push(gate);
      updates.push(update);
      fromStates.push(fromState);
      candidates.push(candidate);
      stateBefore = real ? multiply(updated, real[t] as Tensor) : updated;
      states.push(stateBefore);
    });
    return {
      real,
      flat,
      before,
      gateValues,
      updates,
      fromStates,
      candidates,
      states,
      output: allSteps(states, batch),
    };
  });

  graph.record({
    operator: 'gru',
    inputs: [x, weights.input, weights.recurrent, weights.bias, ...(start ? [start.hidden] : [])],
    outputs: [forward.output],
    gradients: ([gradient]) => {
      const one = graph.scalar(1);
      const all = (parts: readonly Tensor[]) => allSteps(parts, batch);
      const [z, r] = split(all(forward.gateValues), 'gates', [hidden, hidden]);
      const n = all(forward.candidates);
      const stateBefore = all([forward.before, ...forward.states.slice(0, -1)]);
      // d loss / d (a_z, a_r, u_n) and d loss / d a_n: the gradient of h' times these.
      const ofCandidate = multiply(subtract(one, z), subtract(one, multiply(n, n)));
      const ofState = multiply(ofCandidate, r);
      const ofUpdate = multiply(subtract(stateBefore, n), multiply(z, subtract(one, z)));
      const ofReset = multiply(ofState, multiply(all(forward.fromStates), subtract(one, r)));
      const factors = split(
        concat(
          [ofUpdate, ofReset, ofState].map((part) => rename(part, ['row', 'gates'])),
          'gates',
        ),
        'row',
        steps,
      );
      const outputs = split(gradient as Tensor, 'row', steps);

      const stateGradients: Tensor[] = []; // both newest first
      const backward: Tensor[] = [];
      let carried: Tensor | undefined;
      for (let t = stepCount - 1; t >= 0; t--) {
        const output = outputs[t] as Tensor;
        const sum: Tensor = carried ? add(output, carried) : output;
        const state: Tensor = forward.real ? multiply(sum, forward.real[t] as Tensor) : sum;
        const sources = [state, state, state].map((part) => rename(part, [batch.name, 'gates']));
        const after = multiply(concat(sources, 'gates'), factors[t] as Tensor);
        stateGradients.push(state);
        backward.push(after);
        if (t > 0 || start)
          carried = timesTransposed(after, weights.recurrent, multiply(state, forward.updates[t] as Tensor));
      }
      const ofProducts = all(backward.reverse()); // [T·B, 3H]: of a_z, a_r, u_n
      const candidates = multiply(all(stateGradients.reverse()), ofCandidate); // [T·B, H]: of a_n
      const [ofPair, ofStates] = split(ofProducts, 'gates', [pair, hidden]);
      const ofInputs = concat([ofPair, rename(candidates, ['row', 'gates'])], 'gates');
      return [
        () => reshape(timesTransposed(ofInputs, weights.input), x.dims),
        () => transposedTimes(forward.flat, ofInputs),
        () => transposedTimes(stateBefore, ofProducts),
        () =>
          concat(
            [
              rename(sumTo(ofInputs, [gates]), ['biases']),
              rename(sumTo(rename(ofStates, ['row', 'biases']), [dim('biases', size)]), ['biases']),
            ],
            'biases',
          ),
        () => carried as Tensor,
      ];
    },
  });
  return { states: forward.output };
}
