/**
 * What every recurrent cell offers: its parameters, and two forms of one layer. `unroll` is for the training graph and
 * carries gradients through time; `fuse` is one ONNX operator, for serving and validation. They agree to rounding.
 *
 * Weights: input [I, G·H], recurrent [H, G·H], bias [·]; G blocks ("gates") of H columns in ONNX's order, which each
 * cell's file gives beside those of PyTorch and Keras.
 */
import { checkDims, cubeDims, type Dim, dim, fixedSize, matrixDims, sizeOf } from '../graph/dims.js';
import type { Attribute, Tensor } from '../graph/graph.js';
import { reshape } from '../graph/operators/reshape.js';
import { transpose } from '../graph/operators/transpose.js';
import { stack } from '../graph/operators/without-gradient.js';

export const cellNames = ['lstm', 'gru', 'rnn'] as const;
export type CellName = (typeof cellNames)[number];

export interface CellWeights {
  readonly input: Tensor;
  readonly recurrent: Tensor;
  readonly bias: Tensor;
}

export interface CellDims {
  readonly input: readonly [Dim, Dim];
  readonly recurrent: readonly [Dim, Dim];
  readonly bias: readonly [Dim];
}

/** What a layer carries from one step to the next, each [B, H]. */
export interface CellState {
  readonly hidden: Tensor;
  /** The LSTM's memory; other cells have none. */
  readonly memory?: Tensor;
}

export interface UnrollOptions {
  /** Before the first step; zero when left out. */
  readonly start?: CellState | undefined;
  /**
   * [T·B, 1] (dimensions "row" and "hidden"), time-major: 0 for steps before a series begins, else 1. The state stays
   * zero as long as it is 0.
   */
  readonly real?: Tensor | undefined;
}

export interface Unrolled {
  /** Hidden states [T·B, H], dimension "row", time-major. */
  readonly states: Tensor;
  /** Memory after the last step [B, H], of cells that have one. */
  readonly memory?: Tensor;
}

export interface FuseOptions {
  /** In which order x holds the steps, and the result does. */
  readonly order: 'oldest-first' | 'newest-first';
  /** Only newest first: [B] int32, how many of the newest steps are real; older ones do not count. */
  readonly lengths?: Tensor | undefined;
  readonly start?: CellState | undefined;
}

/** What is asked for becomes nodes of the graph, nothing else. */
export interface Fused {
  /** Hidden states [T, B, H] in the order of x; zero for steps that do not count. */
  states(): Tensor;
  /** The hidden state after the newest step [B, H]. */
  newest(): Tensor;
  /** What is carried on after the newest step. */
  last(): CellState;
}

export interface Cell {
  readonly name: CellName;
  /** G. */
  readonly gateCount: number;
  dims(input: Dim, hidden: Dim): CellDims;
  /** First values of the bias. */
  firstBias(hiddenSize: number): Float64Array;
  /** x [T, B, I], oldest step first. */
  unroll(x: Tensor, weights: CellWeights, options?: UnrollOptions): Unrolled;
  /** x [T, B, I]; B may be known only at run time. */
  fuse(x: Tensor, weights: CellWeights, options: FuseOptions): Fused;
}

/** Throws ShapeError where weights and input do not fit together. */
export function checkCell(cell: Cell, x: Tensor, weights: CellWeights) {
  const [time, batch, input] = cubeDims(cell.name, 'x', x.dims);
  const [hidden] = matrixDims(cell.name, 'recurrent weights', weights.recurrent.dims);
  const wanted = cell.dims(input, hidden);
  checkDims(cell.name, 'input weights', weights.input.dims, wanted.input);
  checkDims(cell.name, 'recurrent weights', weights.recurrent.dims, wanted.recurrent);
  checkDims(cell.name, 'bias', weights.bias.dims, wanted.bias);
  return { time, batch, input, hidden, gates: wanted.input[1] };
}

/** The dimensions that unrolling needs, and a start of zeros. Throws ShapeError where options do not fit. */
export function checkUnroll(cell: Cell, x: Tensor, weights: CellWeights, options: UnrollOptions) {
  const dims = checkCell(cell, x, weights);
  const { time, batch, hidden } = dims;
  const stepCount = fixedSize(cell.name, time);
  const row = dim('row', stepCount * fixedSize(cell.name, batch));
  if (options.real) checkDims(cell.name, 'real', options.real.dims, [row, dim('hidden', 1)]);
  if (options.start) checkDims(cell.name, 'start', options.start.hidden.dims, [batch, hidden]);
  const pool = new Map<string, Tensor>();
  return {
    ...dims,
    row,
    /** [T·B, ·] as [T, B, ·]. Like the next two, for parts of an operator that records its own gradient. */
    perStep: (rows: Tensor) => reshape(rows, [time, batch, ...rows.dims.slice(1)]),
    /** [T, B, ·] as [T·B, ·]. */
    allSteps: (steps: Tensor) => reshape(steps, [row, ...steps.dims.slice(2)]),
    /** [rows, H], stored once. */
    zeros: (rows: Dim = batch) => {
      const made =
        pool.get(rows.name) ??
        x.graph.constant([rows, hidden], new Float64Array(sizeOf(cell.name, [rows, hidden])));
      pool.set(rows.name, made);
      return made;
    },
  };
}

/** Emits ONNX's LSTM, GRU or RNN. `bias` gives [2·G·H] in ONNX's form: of the input, then of the state. */
export function emitFused(
  operator: 'LSTM' | 'GRU' | 'RNN',
  cell: Cell,
  x: Tensor,
  weights: CellWeights,
  bias: () => Tensor,
  options: FuseOptions,
  attributes: Readonly<Record<string, Attribute>> = {},
): Fused {
  const { time, batch, input, hidden, gates } = checkCell(cell, x, weights);
  const { lengths, order, start } = options;
  if (lengths) checkDims(cell.name, 'lengths', lengths.dims, [batch]);
  const { graph } = x;
  const directions = dim('direction', 1);
  const ofState = { dims: [directions, batch, hidden] };
  const [all, newest, memory] = graph.emit(
    operator,
    [
      x,
      stack(transpose(weights.input, [gates.name, input.name]), 'direction'),
      stack(transpose(weights.recurrent, [gates.name, hidden.name]), 'direction'),
      stack(bias(), 'direction'),
      lengths,
      ...(start ? [stack(start.hidden, 'direction')] : []),
      ...(start?.memory ? [stack(start.memory, 'direction')] : []),
    ],
    [{ dims: [time, directions, batch, hidden] }, ofState, ...(operator === 'LSTM' ? [ofState] : [])],
    {
      hidden_size: { int: fixedSize(cell.name, hidden) },
      direction: { text: order === 'newest-first' ? 'reverse' : 'forward' },
      ...attributes,
    },
  );
  const squeeze = (tensor: Tensor | undefined, axis: number) => {
    const whole = tensor as Tensor;
    const dims = whole.dims.filter((_, other) => other !== axis);
    return graph.emitOne('Squeeze', [whole, graph.integers([axis])], dims);
  };
  return {
    states: () => squeeze(all, 1),
    newest: () => squeeze(newest, 0),
    last: () => ({ hidden: squeeze(newest, 0), ...(memory ? { memory: squeeze(memory, 0) } : {}) }),
  };
}

/** The same tensor with other names for its dimensions, where blocks of one become a part of another. */
export function rename(x: Tensor, names: readonly string[]): Tensor {
  return { ...x, dims: x.dims.map((each, axis) => ({ name: names[axis] as string, size: each.size })) };
}
