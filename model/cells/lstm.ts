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
import { checkDims, cubeDims, type Dim, dim, fixedSize, matrixDims } from '../graph/dims.js';
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
import { stack, transpose } from '../graph/operators/without-gradient.js';

export interface LstmWeights {
  readonly input: Tensor;
  readonly recurrent: Tensor;
  readonly bias: Tensor;
}

interface LstmDims {
  readonly input: readonly [Dim, Dim];
  readonly recurrent: readonly [Dim, Dim];
  readonly bias: readonly [Dim];
}

/** Number of gates, which is the number of hidden-sized blocks in each weight. */
export const lstmGateCount = 4;
/** Position of the forget gate's block: its bias starts at 1. */
export const lstmForgetGate = 2;

export function lstmDims(input: Dim, hidden: Dim): LstmDims {
  const gates = dim('gates', lstmGateCount * fixedSize('lstm', hidden));
  return { input: [input, gates], recurrent: [hidden, gates], bias: [gates] };
}

function checkLstm(operator: string, x: Tensor, weights: LstmWeights) {
  const [time, batch, input] = cubeDims(operator, 'x', x.dims);
  const [hidden] = matrixDims(operator, 'recurrent weights', weights.recurrent.dims);
  const wanted = lstmDims(input, hidden);
  checkDims(operator, 'input weights', weights.input.dims, wanted.input);
  checkDims(operator, 'recurrent weights', weights.recurrent.dims, wanted.recurrent);
  checkDims(operator, 'bias', weights.bias.dims, wanted.bias);
  return { time, batch, input, hidden, gates: wanted.bias[0] };
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
  const { time, batch, input, hidden, gates } = checkLstm('lstm', x, weights);
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
    let cellBefore: Tensor | undefined;
    let stateBefore: Tensor | undefined;
    for (const projection of projected) {
      const before = stateBefore ? affine(stateBefore, weights.recurrent, projection) : projection;
      const [sigmoidPart, tanhPart] = split(before, 'gates', [sigmoids, hidden]);
      const gate = sigmoid(sigmoidPart);
      const [inputGate, outputGate, forgetGate] = split(gate, 'gates', [hidden, hidden, hidden]);
      const candidate = tanh(tanhPart);
      const written = multiply(inputGate, candidate);
      const cell: Tensor = cellBefore ? add(multiply(forgetGate, cellBefore), written) : written;
      const cellTanh = tanh(cell);
      gateValues.push(gate);
      candidates.push(candidate);
      cells.push(cell);
      cellTanhs.push(cellTanh);
      forgets.push(forgetGate);
      cellBefore = cell;
      stateBefore = multiply(outputGate, cellTanh);
      states.push(stateBefore);
    }
    const output = concat(states, 'batch', 'row');
    return { flat, gateValues, candidates, cells, cellTanhs, states, forgets, output };
  });

  return graph.recordOne(
    'lstm',
    [x, weights.input, weights.recurrent, weights.bias],
    forward.output,
    (gradient) => {
      const one = graph.scalar(1);
      const zeros = graph.constant(
        [batch, hidden],
        new Float64Array(fixedSize('lstm', batch) * fixedSize('lstm', hidden)),
      );
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
      const outputs = split(gradient, 'row', steps);

      const backward: Tensor[] = []; // newest first
      let cellGradient: Tensor | undefined;
      let after: Tensor | undefined;
      for (let t = stepCount - 1; t >= 0; t--) {
        const output = outputs[t] as Tensor;
        const state = after ? timesTransposed(after, weights.recurrent, output) : output;
        const fromState = multiply(state, stateToCell[t] as Tensor);
        const cell: Tensor = cellGradient === undefined ? fromState : add(fromState, cellGradient);
        const sources = [cell, state, cell, cell].map((part) => rename(part, ['batch', 'gates']));
        after = multiply(concat(sources, 'gates'), factors[t] as Tensor);
        backward.push(after);
        if (t > 0) cellGradient = multiply(cell, forward.forgets[t] as Tensor);
      }
      const before = all(backward.reverse()); // [T·B, 4H]
      const stateBefore = all([zeros, ...forward.states.slice(0, -1)]);
      return [
        () => reshape(timesTransposed(before, weights.input), x.dims),
        () => transposedTimes(forward.flat, before),
        () => transposedTimes(stateBefore, before),
        () => sumTo(before, [gates]),
      ];
    },
  );
}

/**
 * The newest hidden state [B, H] of x [T, B, I], whose steps run from the newest to the oldest. `lengths` [B] int32:
 * how many of the newest steps are real; older ones do not count. One fused operator.
 */
export function lstmFused(x: Tensor, weights: LstmWeights, lengths: Tensor): Tensor {
  const { time, batch, input, hidden, gates } = checkLstm('lstm', x, weights);
  checkDims('lstm', 'lengths', lengths.dims, [batch]);
  const { graph } = x;
  const directions = dim('direction', 1);
  const noSecondBias = graph.constant([gates], new Float64Array(fixedSize('lstm', gates)));
  const [, newest] = graph.emit(
    'LSTM',
    [
      x,
      stack(transpose(weights.input, ['gates', input.name]), 'direction'),
      stack(transpose(weights.recurrent, ['gates', hidden.name]), 'direction'),
      stack(concat([weights.bias, noSecondBias], 'gates'), 'direction'),
      lengths,
    ],
    [{ dims: [time, directions, batch, hidden] }, { dims: [directions, batch, hidden] }] as const,
    { hidden_size: { int: fixedSize('lstm', hidden) }, direction: { text: 'reverse' } },
  );
  return graph.emitOne('Squeeze', [newest, graph.integers([0])], [batch, hidden]);
}

/** The same tensor with other names for its dimensions, where blocks of one become a part of another. */
function rename(x: Tensor, names: readonly string[]): Tensor {
  return { ...x, dims: x.dims.map((each, axis) => ({ name: names[axis] as string, size: each.size })) };
}
