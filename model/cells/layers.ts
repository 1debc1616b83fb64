/** Recurrent layers on top of one another: each reads the hidden states of the one below. */
import { cubeDims, type Dim, dim, dimOf, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { layerNorm } from '../graph/operators/layer-norm.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { split } from '../graph/operators/split.js';
import { glorotUniform, orthogonal, type Parameter, type ParameterLayout, parameter } from '../parameters.js';
import type { Cell, CellName, CellState, CellWeights, Fused, FuseOptions } from './cell.js';
import { gru } from './gru.js';
import { lstm } from './lstm.js';
import { rnn } from './rnn.js';

const cells: Readonly<Record<CellName, Cell>> = { lstm, gru, rnn };

export function cellCalled(name: CellName): Cell {
  return cells[name];
}

/**
 * `layer`: what is read of each layer's hidden states, above it and by the heads, is normalised per step. The states
 * that it carries on are not, so that the fused operators serve this, too (Ba, Kiros & Hinton 2016 do it inside).
 */
export const normalizationNames = ['none', 'layer'] as const;
export type NormalizationName = (typeof normalizationNames)[number];

interface LayerWeights extends CellWeights {
  /** [H] each. */
  readonly norm?: { readonly gain: Tensor; readonly bias: Tensor };
}

/** Layers of one cell and one width. */
export interface Layers {
  readonly cell: Cell;
  /** Lowest first. */
  readonly weights: readonly LayerWeights[];
}

export interface LayersShape {
  readonly cell: CellName;
  readonly layers: number;
  readonly normalization: NormalizationName;
  readonly inputSize: number;
  readonly hiddenSize: number;
}

const inputDim = (size: number): Dim => dim('input', size);
const nameOf = (prefix: string, layer: number, part: string) => `${prefix}.${layer}.${part}`;

/** Parameters called `<prefix>.<layer>.input`, `.recurrent`, `.bias`, and with a norm `.norm-gain`, `.norm-bias`. */
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
      ...(shape.normalization === 'layer'
        ? [
            {
              name: nameOf(prefix, layer, 'norm-gain'),
              dims: [dim('hidden', hiddenSize)],
              decays: false,
              initialize: () => new Float64Array(hiddenSize).fill(1),
            },
            {
              name: nameOf(prefix, layer, 'norm-bias'),
              dims: [dim('hidden', hiddenSize)],
              decays: false,
              initialize: () => new Float64Array(hiddenSize),
            },
          ]
        : []),
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
      ...(shape.normalization === 'layer'
        ? { norm: { gain: part(layer, 'norm-gain'), bias: part(layer, 'norm-bias') } }
        : {}),
    })),
  };
}

export interface UnrollLayersOptions {
  /** One per layer; zero when left out. */
  readonly start?: readonly CellState[] | undefined;
  /** See UnrollOptions. */
  readonly real?: Tensor | undefined;
  /**
   * One [B, H] per layer: what its hidden states, after the norm, are multiplied by before anything above reads them, the same at all
   * steps of a window (Gal & Ghahramani 2016).
   */
  readonly dropout?: readonly Tensor[] | undefined;
}

export interface UnrolledLayers {
  /** Of the top layer, after norm and dropout: [T·B, H], dimension "row", time-major. */
  readonly states: Tensor;
  /** What each layer carries on after the last step, before norm and dropout. */
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
    states = each.norm ? layerNorm(unrolled.states, each.norm.gain, each.norm.bias) : unrolled.states;
    if (mask) states = reshape(multiply(reshape(states, [time, batch, hidden]), mask), unrolled.states.dims);
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

/** What is asked for becomes nodes of the graph, nothing else. */
export interface FusedLayers {
  /** Of the top layer [T, B, H], after the norm, in the order of x. */
  states(): Tensor;
  /** The newest step of the states [B, H]. */
  newest(): Tensor;
  /** What each layer carries on after the newest step, before the norm. */
  last(): readonly CellState[];
}

/** x [T, B, I]; one ONNX operator per layer. */
export function fuseLayers(
  x: Tensor,
  { cell, weights }: Layers,
  options: Omit<FuseOptions, 'start'> & { readonly start?: readonly CellState[] | undefined },
): FusedLayers {
  const { order, lengths } = options;
  const fused: Fused[] = [];
  const normalised = (read: Tensor, layer: number) => {
    const norm = weights[layer]?.norm;
    return norm ? layerNorm(read, norm.gain, norm.bias) : read;
  };
  const top = weights.length - 1;
  const ofLayer = (layer: number) => fused[layer] as Fused;
  weights.forEach((each, layer) => {
    const input = layer === 0 ? x : asInput(normalised(ofLayer(layer - 1).states(), layer - 1));
    fused.push(cell.fuse(input, each, { order, lengths, start: options.start?.[layer] }));
  });
  return {
    states: () => normalised(ofLayer(top).states(), top),
    newest: () => normalised(ofLayer(top).newest(), top),
    last: () => fused.map((each) => each.last()),
  };
}

/** States [T, B, H] as what the layer above reads. */
function asInput(states: Tensor): Tensor {
  const [time, batch, hidden] = cubeDims('layers', 'states', states.dims);
  return { ...states, dims: [time, batch, inputDim(fixedSize('layers', hidden))] };
}
