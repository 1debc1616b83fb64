/** Which parameters the network has and how its parts join: LSTM, survival head, remaining life as a second task. */
import { type LstmWeights, lstmDims, lstmForgetGate, lstmGateCount } from './cells/lstm.js';
import { type Dim, dim } from './graph/dims.js';
import type { Tensor } from './graph/graph.js';
import { hazardLayout } from './heads/hazards.js';
import { remainingLifeLayout } from './heads/remaining-life.js';
import { glorotUniform, orthogonal, type ParameterLayout, parameter } from './parameters.js';

export interface NetworkShape {
  /** Features after preprocessing. */
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly horizonSteps: number;
  readonly remainingLife: boolean;
  /** [H] first biases of the hazards. */
  readonly firstLogits: readonly number[];
}

export const inputDim = (size: number): Dim => dim('input', size);
const hiddenDim = (size: number): Dim => dim('hidden', size);

export function networkLayout(shape: NetworkShape): ParameterLayout {
  const { inputSize, hiddenSize } = shape;
  const hidden = hiddenDim(hiddenSize);
  const dims = lstmDims(inputDim(inputSize), hidden);
  const width = lstmGateCount * hiddenSize;
  return [
    {
      name: 'lstm.input',
      dims: dims.input,
      decays: true,
      initialize: (rng) => glorotUniform(inputSize, width, rng, hiddenSize),
    },
    {
      name: 'lstm.recurrent',
      dims: dims.recurrent,
      decays: true,
      // Orthogonal gate by gate: each block of columns is a rotation.
      initialize: (rng) => {
        const values = new Float64Array(hiddenSize * width);
        for (let gate = 0; gate < lstmGateCount; gate++) {
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
      name: 'lstm.bias',
      dims: dims.bias,
      decays: false,
      // An open forget gate at the start lets gradients through (Jozefowicz, Zaremba & Sutskever 2015).
      initialize: () =>
        new Float64Array(width).fill(1, lstmForgetGate * hiddenSize, (lstmForgetGate + 1) * hiddenSize),
    },
    ...hazardLayout(hidden, dim('horizon', shape.horizonSteps), shape.firstLogits),
    ...(shape.remainingLife ? remainingLifeLayout(hidden) : []),
  ];
}

export function lstmWeights(parameters: ReadonlyMap<string, Tensor>): LstmWeights {
  return {
    input: parameter(parameters, 'lstm.input'),
    recurrent: parameter(parameters, 'lstm.recurrent'),
    bias: parameter(parameters, 'lstm.bias'),
  };
}
