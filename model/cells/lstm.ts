/**
 * Long short-term memory. Two forms of one layer: `lstmUnrolled` for the training graph, with its gradient through
 * time, and `lstmFused`, one ONNX operator, for serving and validation. They agree to rounding.
 *
 * Weights: input [I, 4H], recurrent [H, 4H], bias [4H]; gates along 4H in ONNX's order: input, output, forget, cell.
 * (PyTorch: i, f, g, o and two biases, of which ours is the sum; Keras: i, f, c, o.) Gates use the true sigmoid.
 *
 *   i = σ(a_i)   o = σ(a_o)   f = σ(a_f)   g = tanh(a_g)   with a = x·W + h·R + b
 *   c' = f∘c + i∘g            h' = o∘tanh(c')
 *
 * Source: Hochreiter & Schmidhuber 1997; forget gate Gers, Schmidhuber & Cummins 2000.
 */
import { checkDim, checkDims, checkRank, type Dim, dim, fixedSize } from '../graph/dims.js';
import type { Graph, Tensor } from '../graph/graph.js';
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
import { stack, transpose } from '../graph/operators/without-gradient.js';

export interface LstmWeights {
  readonly input: Tensor;
  readonly recurrent: Tensor;
  readonly bias: Tensor;
}

/** Number of gates, which is the number of hidden-sized blocks in each weight. */
export const lstmGateCount = 4;
/** Position of the forget gate's block: its bias starts at 1. */
export const lstmForgetGate = 2;

export function lstmDims(input: Dim, hidden: Dim) {
  const gates = dim('gates', lstmGateCount * fixedSize('lstm', hidden));
  return { input: [input, gates], recurrent: [hidden, gates], bias: [gates] };
}

function checkLstm(operator: string, x: Tensor, weights: LstmWeights): { hidden: Dim; gates: Dim } {
  checkRank(operator, 'x', x.dims, 3);
  checkRank(operator, 'recurrent weights', weights.recurrent.dims, 2);
  const hidden = weights.recurrent.dims[0];
  const wanted = lstmDims(x.dims[2], hidden);
  checkDims(operator, 'input weights', weights.input.dims, wanted.input);
  checkDims(operator, 'recurrent weights', weights.recurrent.dims, wanted.recurrent);
  checkDims(operator, 'bias', weights.bias.dims, wanted.bias);
  return { hidden, gates: wanted.bias[0] };
}

/**
 * x [T, B, I] → hidden states [T·B, H] (dimension "row", time-major), from a zero state.
 *
 * Fast because the products are few and large: one for the inputs of all steps; then, backwards, one per weight over
 * all T·B rows. Only what truly depends on the step before is done step by step; derivatives of the gates are taken
 * for all steps at once.
 */
export function lstmUnrolled(x: Tensor, weights: LstmWeights): Tensor {
  const { graph } = x;
  const { hidden, gates } = checkLstm('lstm', x, weights);
  const [time, batch, input] = x.dims;
  const stepCount = fixedSize('lstm', time);
  const row = dim('row', stepCount * fixedSize('lstm', batch));
  const steps = Array.from({ length: stepCount }, () => batch);
  const sigmoids = dim('gates', 3 * fixedSize('lstm', hidden));

  const forward = graph.withoutTape(() => {
    const flat = reshape(x, [row, input]);
    const projected = split(affine(flat, weights.input, weights.bias), 'row', steps);
    const gateValues: Tensor[] = [];
    const candidates: Tensor[] = [];
    const cells: Tensor[] = [];
    const cellTanhs: Tensor[] = [];
    const states: Tensor[] = [];
    const forgets: Tensor[] = [];
    for (let t = 0; t < stepCount; t++) {
      const before = t === 0 ? projected[0] : affine(states[t - 1], weights.recurrent, projected[t]);
      const [sigmoidPart, tanhPart] = split(before, 'gates', [sigmoids, hidden]);
      const gate = sigmoid(sigmoidPart);
      const [inputGate, outputGate, forgetGate] = split(gate, 'gates', [hidden, hidden, hidden]);
      const candidate = tanh(tanhPart);
      const written = multiply(inputGate, candidate);
      const cell = t === 0 ? written : add(multiply(forgetGate, cells[t - 1]), written);
      const cellTanh = tanh(cell);
      gateValues.push(gate);
      candidates.push(candidate);
      cells.push(cell);
      cellTanhs.push(cellTanh);
      forgets.push(forgetGate);
      states.push(multiply(outputGate, cellTanh));
    }
    const output = concat(states, 'batch', 'row');
    return { flat, gateValues, candidates, cells, cellTanhs, states, forgets, output };
  });

  graph.record({
    operator: 'lstm',
    inputs: [x, weights.input, weights.recurrent, weights.bias],
    outputs: [forward.output],
    gradients: ([gradient]) => {
      const one = graph.scalar(1);
      const zeros = graph.constant([batch, hidden], new Float64Array(fixedSize('lstm', batch) * fixedSize('lstm', hidden)));
      const all = (parts: readonly Tensor[]) => concat(parts, 'batch', 'row');
      const [i, o, f] = split(all(forward.gateValues), 'gates', [hidden, hidden, hidden]);
      const g = all(forward.candidates);
      const cellTanh = all(forward.cellTanhs);
      const cellBefore = all([zeros, ...forward.cells.slice(0, -1)]);
      const falling = (s: Tensor) => multiply(s, subtract(one, s)); // σ′
      const bend = (s: Tensor) => subtract(one, multiply(s, s)); // tanh′
      // Per gate: d loss / d a = (gradient of c' for i, f and g; of h' for o) times these.
      const factors = split(
        concat(
          [
            multiply(g, falling(i)),
            multiply(cellTanh, falling(o)),
            multiply(cellBefore, falling(f)),
            multiply(i, bend(g)),
          ].map((part) => rename(part, ['row', 'gates'])),
          'gates',
        ),
        'row',
        steps,
      );
      const stateToCell = split(multiply(o, bend(cellTanh)), 'row', steps);
      const outputs = split(gradient as Tensor, 'row', steps);

      const backward: Tensor[] = new Array(stepCount);
      let cellGradient: Tensor | undefined;
      for (let t = stepCount - 1; t >= 0; t--) {
        const last = t === stepCount - 1;
        const state = last ? outputs[t] : timesTransposed(backward[t + 1], weights.recurrent, outputs[t]);
        const fromState = multiply(state, stateToCell[t]);
        const cell: Tensor = cellGradient === undefined ? fromState : add(fromState, cellGradient);
        const sources = [cell, state, cell, cell].map((part) => rename(part, ['batch', 'gates']));
        backward[t] = multiply(concat(sources, 'gates'), factors[t]);
        if (t > 0) cellGradient = multiply(cell, forward.forgets[t]);
      }
      const before = all(backward); // [T·B, 4H]
      const stateBefore = all([zeros, ...forward.states.slice(0, -1)]);
      return [
        () => reshape(timesTransposed(before, weights.input), x.dims),
        () => transposedTimes(forward.flat, before),
        () => transposedTimes(stateBefore, before),
        () => sumTo(before, [gates]),
      ];
    },
  });
  return forward.output;
}

/**
 * The newest hidden state [B, H] of x [T, B, I], whose steps run from the newest to the oldest. `lengths` [B] int32:
 * how many of the newest steps are real; older ones do not count. One fused operator.
 */
export function lstmFused(x: Tensor, weights: LstmWeights, lengths: Tensor): Tensor {
  const { hidden, gates } = checkLstm('lstm', x, weights);
  checkDim('lstm', 'of lengths', lengths.dims[0], x.dims[1]);
  const { graph } = x;
  const directions = dim('direction', 1);
  const noSecondBias = graph.constant([gates], new Float64Array(fixedSize('lstm', gates)));
  const [, newest] = graph.emit(
    'LSTM',
    [
      x,
      stack(transpose(weights.input, ['gates', x.dims[2].name]), 'direction'),
      stack(transpose(weights.recurrent, ['gates', hidden.name]), 'direction'),
      stack(concat([weights.bias, noSecondBias], 'gates'), 'direction'),
      lengths,
    ],
    [
      { dims: [x.dims[0], directions, x.dims[1], hidden] },
      { dims: [directions, x.dims[1], hidden] },
    ],
    { hidden_size: { int: fixedSize('lstm', hidden) }, direction: { text: 'reverse' } },
  );
  return reshapeState(graph, newest);
}

function reshapeState(graph: Graph, state: Tensor): Tensor {
  return graph.emitOne('Squeeze', [state, graph.integers([0])], state.dims.slice(1));
}

/** The same tensor with other names for its dimensions, where blocks of one become a part of another. */
function rename(x: Tensor, names: readonly string[]): Tensor {
  return { ...x, dims: x.dims.map((each, axis) => ({ name: names[axis], size: each.size })) };
}
