/** Recurrent layers on top of one another: each reads the hidden states of the one below. */
import { cubeDims, type Dim, dim, dimOf, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { split } from '../graph/operators/split.js';
import { glorotUniform, orthogonal, type Parameter, type ParameterLayout, parameter } from '../parameters.js';
import type { Cell, CellName, CellState, CellWeights, FuseOptions } from './cell.js';
import { gru } from './gru.js';
import { lstm } from './lstm.js';
import { rnn } from './rnn.js';

const cells: Readonly<Record<CellName, Cell>> = { lstm, gru, rnn };

export function cellCalled(name: CellName): Cell {
  return cells[name];
}

/** Layers of one cell and one width. */
export interface Layers {
  readonly cell: Cell;
  /** Lowest first. */
  readonly weights: readonly CellWeights[];
}

export interface LayersShape {
  readonly cell: CellName;
  readonly layers: number;
  readonly inputSize: number;
  readonly hiddenSize: number;
}

const inputDim = (size: number): Dim => dim('input', size);
const nameOf = (prefix: string, layer: number, part: string) => `${prefix}.${layer}.${part}`;

/** Parameters called `<prefix>.<layer>.input`, `.recurrent` and `.bias`. */
export function layersLayout(prefix: string, shape: LayersShape): ParameterLayout {
  const { layers, inputSize, hiddenSize } = shape;
  const cell = cellCalled(shape.cell);
  const width = cell.gateCount * hiddenSize;
  return Array.from({ length: layers }, (_, layer): Parameter[] => {
    const size = layer === 0 ? inputSize : hiddenSize;
    const dims = cell.dims(inputDim(size), dim('hidden', hiddenSize));
    return [
      {
        name: nameOf(prefix, layer, 'input'),
        dims: dims.input,
        decays: true,
        initialize: (rng) => glorotUniform(size, width, rng, hiddenSize),
      },
      {
        name: nameOf(prefix, layer, 'recurrent'),
        dims: dims.recurrent,
        decays: true,
        // Orthogonal gate by gate: each block of columns is a rotation.
        initialize: (rng) => {
          const values = new Float64Array(hiddenSize * width);
          for (let gate = 0; gate < cell.gateCount; gate++) {
            const block = orthogonal(hiddenSize, rng);
            for (let row = 0; row < hiddenSize; row++)
              values.set(
                block.subarray(row * hiddenSize, (row + 1) * hiddenSize),
                row * width + gate * hiddenSize,
              );
          }
          return values;
        },
      },
      {
        name: nameOf(prefix, layer, 'bias'),
        dims: dims.bias,
        decays: false,
        initialize: () => cell.firstBias(hiddenSize),
      },
    ];
  }).flat();
}

/** The layers of `layersLayout(prefix, shape)` among the parameters. */
export function layersOf(
  prefix: string,
  shape: LayersShape,
  parameters: ReadonlyMap<string, Tensor>,
): Layers {
  const part = (layer: number, name: string) => parameter(parameters, nameOf(prefix, layer, name));
  return {
    cell: cellCalled(shape.cell),
    weights: Array.from({ length: shape.layers }, (_, layer) => ({
      input: part(layer, 'input'),
      recurrent: part(layer, 'recurrent'),
      bias: part(layer, 'bias'),
    })),
  };
}

export interface UnrollLayersOptions {
  /** One per layer; zero when left out. */
  readonly start?: readonly CellState[] | undefined;
  /** See UnrollOptions. */
  readonly real?: Tensor | undefined;
  /**
   * One [B, H] per layer: what its hidden states are multiplied by before anything above reads them, the same at all
   * steps of a window (Gal & Ghahramani 2016).
   */
  readonly dropout?: readonly Tensor[] | undefined;
}

export interface UnrolledLayers {
  /** Of the top layer, after dropout: [T·B, H], dimension "row", time-major. */
  readonly states: Tensor;
  /** What each layer carries on after the last step, before dropout. */
  last(): readonly CellState[];
}

/** x [T, B, I], oldest step first; with gradients. */
export function unrollLayers(
  x: Tensor,
  { cell, weights }: Layers,
  options: UnrollLayersOptions = {},
): UnrolledLayers {
  const [time, batch] = cubeDims('layers', 'x', x.dims);
  const below: { raw: Tensor; memory: Tensor | undefined }[] = [];
  let input = x;
  let states = x;
  weights.forEach((each, layer) => {
    const unrolled = cell.unroll(input, each, { start: options.start?.[layer], real: options.real });
    below.push({ raw: unrolled.states, memory: unrolled.memory });
    const hidden = dimOf('layers', unrolled.states.dims, 'hidden');
    const mask = options.dropout?.[layer];
    states = mask
      ? reshape(multiply(reshape(unrolled.states, [time, batch, hidden]), mask), unrolled.states.dims)
      : unrolled.states;
    if (layer < weights.length - 1)
      input = reshape(states, [time, batch, inputDim(fixedSize('layers', hidden))]);
  });
  return {
    states,
    last: () =>
      below.map(({ raw, memory }) => ({
        hidden: newestRows(raw, batch),
        ...(memory ? { memory } : {}),
      })),
  };
}

/** The last step of states [T·B, H]: [B, H]. */
export function newestRows(states: Tensor, batch: Dim): Tensor {
  const row = dimOf('newestRows', states.dims, 'row');
  const before = fixedSize('newestRows', row) - fixedSize('newestRows', batch);
  if (before === 0) return reshape(states, [batch, ...states.dims.slice(1)]);
  const [, newest] = split(states, 'row', [dim('row', before), batch]);
  return newest;
}

export interface FusedLayers {
  /** Of the top layer [T, B, H], in the order of x. */
  readonly states: Tensor;
  /** What each layer carries on after the newest step. */
  readonly last: readonly CellState[];
}

/** x [T, B, I]; one ONNX operator per layer. */
export function fuseLayers(
  x: Tensor,
  { cell, weights }: Layers,
  options: Omit<FuseOptions, 'start'> & { readonly start?: readonly CellState[] | undefined },
): FusedLayers {
  const [time, batch] = cubeDims('layers', 'x', x.dims);
  const { order, lengths } = options;
  const last: CellState[] = [];
  let states = x;
  weights.forEach((each, layer) => {
    const input =
      layer === 0
        ? states
        : { ...states, dims: [time, batch, inputDim(fixedSize('layers', states.dims[2] as Dim))] };
    const fused = cell.fuse(input, each, { order, lengths, start: options.start?.[layer] });
    states = fused.states;
    last.push(fused.last);
  });
  return { states, last };
}
