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

/**
 * Fast because the products are few and large: one for the inputs of all steps; then, backwards, one per weight over
 * all T·B rows. Only what truly depends on the step before is done step by step; derivatives of the gates are taken
 * for all steps at once.
 */
function unroll(x: Tensor, weights: CellWeights, options: UnrollOptions = {}): Unrolled {
  const { graph } = x;
  const { batch, input, hidden, gates, stepCount, row, steps, zeros } = checkUnroll(
    lstm,
    x,
    weights,
    options,
  );
  const { start } = options;
  const startMemory = start && (start.memory as Tensor);
  const sigmoids = dim('gates', 3 * fixedSize('lstm', hidden));

  const forward = graph.withoutTape(() => {
    const real = options.real && split(options.real, 'row', steps);
    const flat = reshape(x, [row, input]);
    const projected = split(affine(flat, weights.input, weights.bias), 'row', steps);
    const gateValues: Tensor[] = [];
    const candidates: Tensor[] = [];
    const cells: Tensor[] = [];
    const cellTanhs: Tensor[] = [];
    const states: Tensor[] = [];
    const forgets: Tensor[] = [];
    let cellBefore: Tensor | undefined = startMemory;
    let stateBefore: Tensor | undefined = start?.hidden;
    projected.forEach((projection, t) => {
      const before = stateBefore ? affine(stateBefore, weights.recurrent, projection) : projection;
      const [sigmoidPart, tanhPart] = split(before, 'gates', [sigmoids, hidden]);
      const gate = sigmoid(sigmoidPart);
      const [inputGate, outputGate, forget] = split(gate, 'gates', [hidden, hidden, hidden]);
      const candidate = tanh(tanhPart);
      const written = multiply(inputGate, candidate);
      const updated = cellBefore ? add(multiply(forget, cellBefore), written) : written;
      // tanh(0) is 0: a cell that is held at zero holds the state there, too.
      const cell: Tensor = real ? multiply(updated, real[t] as Tensor) : updated;
      const cellTanh = tanh(cell);
      gateValues.push(gate);
      candidates.push(candidate);
      cells.push(cell);
      cellTanhs.push(cellTanh);
      forgets.push(forget);
      cellBefore = cell;
      stateBefore = multiply(outputGate, cellTanh);
      states.push(stateBefore);
    });
    return {
      real,
      flat,
      gateValues,
      candidates,
      cells,
      cellTanhs,
      states,
      forgets,
      output: allSteps(states, batch),
    };
  });
  const memory = forward.cells[stepCount - 1] as Tensor;

  graph.record({
    operator: 'lstm',
    inputs: [
      x,
      weights.input,
      weights.recurrent,
      weights.bias,
      ...(start ? [start.hidden, startMemory as Tensor] : []),
    ],
    outputs: [forward.output, memory],
    gradients: ([ofStates, ofMemory]) => {
      const one = graph.scalar(1);
      const all = (parts: readonly Tensor[]) => allSteps(parts, batch);
      const [i, o, f] = split(all(forward.gateValues), 'gates', [hidden, hidden, hidden]);
      const g = all(forward.candidates);
      const cellTanh = all(forward.cellTanhs);
      const cellBefore = all([startMemory ?? zeros(), ...forward.cells.slice(0, -1)]);
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
      const outputs = ofStates ? split(ofStates, 'row', steps) : steps.map(zeros);

      const backward: Tensor[] = []; // newest first
      let cellGradient: Tensor | undefined = ofMemory;
      let after: Tensor | undefined;
      for (let t = stepCount - 1; t >= 0; t--) {
        const output = outputs[t] as Tensor;
        const state = after ? timesTransposed(after, weights.recurrent, output) : output;
        const fromState = multiply(state, stateToCell[t] as Tensor);
        const both = cellGradient === undefined ? fromState : add(fromState, cellGradient);
        const cell: Tensor = forward.real ? multiply(both, forward.real[t] as Tensor) : both;
        const sources = [cell, state, cell, cell].map((part) => rename(part, [batch.name, 'gates']));
        after = multiply(concat(sources, 'gates'), factors[t] as Tensor);
        backward.push(after);
        if (t > 0 || start) cellGradient = multiply(cell, forward.forgets[t] as Tensor);
      }
      const first = after as Tensor;
      const before = all(backward.reverse()); // [T·B, 4H]
      const stateBefore = all([start?.hidden ?? zeros(), ...forward.states.slice(0, -1)]);
      return [
        () => reshape(timesTransposed(before, weights.input), x.dims),
        () => transposedTimes(forward.flat, before),
        () => transposedTimes(stateBefore, before),
        () => sumTo(before, [gates]),
        () => timesTransposed(first, weights.recurrent),
        () => cellGradient as Tensor,
      ];
    },
  });
  return { states: forward.output, memory };
}
