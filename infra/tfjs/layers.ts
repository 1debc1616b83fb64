/**
 * A network as layers of TensorFlow.js, in the words of its `model.json`: what `model.save()` writes and
 * `loadLayersModel` reads. It takes what the preprocessing gives, [T, I], and gives the failure probabilities [H].
 *
 * The curve F = 1 − exp(−Λ) is two fixed layers, since TensorFlow.js has no layer that adds up along an axis: with
 * s_k = softplus(logit_k) = −ln(1 − h_k), the first gives elu(−Σ_{j≤k} s_j) = exp(−Λ_k) − 1 and the second −1 times that.
 */
import { inputSize, type Preprocessing } from '../../model/preprocessing.js';

export interface LayersShape {
  readonly cell: 'lstm' | 'rnn';
  readonly layers: number;
  readonly normalization: 'none' | 'layer';
  readonly task: 'dense' | 'many-to-one';
  readonly hiddenSize: number;
}

export type LayerWeight = { readonly name: string; readonly dims: readonly number[] } & (
  | {
      /** Name among the network's parameters (model/parameters.ts). */
      readonly parameter: string;
      /** Which of the parameter's blocks along the last axis stands at each place here; undefined: as it is. */
      readonly blocks?: readonly number[];
    }
  | { readonly fixed: Float32Array }
);

export interface Layer {
  readonly className: string;
  /** What matters; TensorFlow.js fills in the rest. */
  readonly config: Readonly<Record<string, unknown>> & { readonly name: string };
  readonly weights: readonly LayerWeight[];
}

/** All values of a step before the series begins are this: the network skips such steps. Exact in float32. */
export const paddingValue = -1e9;

/** Gates i, f, c, o, as Keras has them, of ours: i, o, f, c. */
const kerasGates = [0, 2, 3, 1];

export function layersOfNetwork(shape: LayersShape, preprocessing: Preprocessing): readonly Layer[] {
  const { cell, layers, hiddenSize, normalization } = shape;
  const { windowSteps, horizonSteps } = preprocessing.spec;
  const inputs = inputSize(preprocessing);
  const blocks = cell === 'lstm' ? { blocks: kerasGates } : {};
  const width = (cell === 'lstm' ? 4 : 1) * hiddenSize;
  const found: Layer[] = [
    {
      className: 'Masking',
      config: { name: 'padding', mask_value: paddingValue, batch_input_shape: [null, windowSteps, inputs] },
      weights: [],
    },
  ];
  for (let layer = 0; layer < layers; layer++) {
    const ours = `encoder.${layer}`;
    const name = `encoder_${layer}`;
    found.push({
      className: cell === 'lstm' ? 'LSTM' : 'SimpleRNN',
      config: {
        name,
        units: hiddenSize,
        activation: 'tanh',
        ...(cell === 'lstm' ? { recurrent_activation: 'sigmoid' } : {}),
        use_bias: true,
        return_sequences: layer < layers - 1,
        go_backwards: false,
        stateful: false,
      },
      weights: [
        {
          name: `${name}/kernel`,
          dims: [layer === 0 ? inputs : hiddenSize, width],
          parameter: `${ours}.input`,
          ...blocks,
        },
        {
          name: `${name}/recurrent_kernel`,
          dims: [hiddenSize, width],
          parameter: `${ours}.recurrent`,
          ...blocks,
        },
        { name: `${name}/bias`, dims: [width], parameter: `${ours}.bias`, ...blocks },
      ],
    });
    if (normalization === 'layer')
      found.push({
        className: 'LayerNormalization',
        config: { name: `${name}_norm`, axis: [layer < layers - 1 ? 2 : 1], epsilon: 1e-5 },
        weights: [
          { name: `${name}_norm/gamma`, dims: [hiddenSize], parameter: `${ours}.norm-gain` },
          { name: `${name}_norm/beta`, dims: [hiddenSize], parameter: `${ours}.norm-bias` },
        ],
      });
  }
  const days = horizonSteps;
  const square = (value: (row: number, column: number) => number) =>
    Float32Array.from({ length: days * days }, (_, index) => value(Math.floor(index / days), index % days));
  return [
    ...found,
    {
      className: 'Dense',
      config: { name: 'hazards', units: days, activation: 'softplus', use_bias: true },
      weights: [
        { name: 'hazards/kernel', dims: [hiddenSize, days], parameter: 'hazards.weights' },
        { name: 'hazards/bias', dims: [days], parameter: 'hazards.bias' },
      ],
    },
    fixedLayer(
      'cumulated',
      days,
      'elu',
      square((row, column) => (row <= column ? -1 : 0)),
    ),
    fixedLayer(
      'failure_probabilities',
      days,
      'linear',
      square((row, column) => (row === column ? -1 : 0)),
    ),
  ];
}

function fixedLayer(name: string, units: number, activation: string, fixed: Float32Array): Layer {
  return {
    className: 'Dense',
    config: { name, units, activation, use_bias: false, trainable: false },
    weights: [{ name: `${name}/kernel`, dims: [units, units], fixed }],
  };
}

/** What each column of the inputs is, in order. */
export function inputNames(preprocessing: Preprocessing): string[] {
  const { spec, keptColumns, smoothedColumns, maskedColumns, smoothingAlphas } = preprocessing;
  const named = (columns: readonly number[], what: string) =>
    columns.map((column) => `${spec.names[column]}${what}`);
  return [
    ...named(keptColumns, ''),
    ...smoothingAlphas.flatMap((alpha) => named(smoothedColumns, `, smoothed by ${alpha}`)),
    ...named(maskedColumns, ', 1 where missing'),
  ];
}

/** Blocks along the last axis, put into another order: place k gets block `order[k]`; with `back`, the reverse. */
export function reorderBlocks(values: Float32Array, width: number, order: readonly number[], back: boolean) {
  const size = width / order.length;
  const result = new Float32Array(values.length);
  for (let row = 0; row < values.length; row += width)
    order.forEach((block, place) => {
      const [from, to] = back ? [place, block] : [block, place];
      result.set(values.subarray(row + from * size, row + (from + 1) * size), row + to * size);
    });
  return result;
}
