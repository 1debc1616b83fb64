/** What goes from one training step to the next, and what is told of the steps between two validations. */
import type { ParameterLayout } from './parameters.js';
import { outputOf, type TensorValue, type TensorValues } from './ports.js';
import type { TrainingProgress } from './trained-network.js';

/** What one training step hands to the next. */
export type OptimizerState = Record<'parameters' | 'moment1' | 'moment2', TensorValue>;

/** Moments start at zero. */
export function optimizerState(from: {
  readonly parameters: Float32Array;
  readonly moment1?: Float32Array;
  readonly moment2?: Float32Array;
}): OptimizerState {
  const dims = [from.parameters.length];
  const value = (data: Float32Array | undefined) => ({
    dims,
    data: data ? Float32Array.from(data) : new Float32Array(from.parameters.length),
  });
  return {
    parameters: value(from.parameters),
    moment1: value(from.moment1),
    moment2: value(from.moment2),
  };
}

/** What a training step has made of it. */
export function nextOptimizerState(result: TensorValues): OptimizerState {
  return {
    parameters: outputOf(result, 'nextParameters'),
    moment1: outputOf(result, 'nextMoment1'),
    moment2: outputOf(result, 'nextMoment2'),
  };
}

/** Means over the steps between two validations. */
export class Stretch {
  readonly #layout: ParameterLayout;
  readonly #lossName: string;
  readonly #norms: Float64Array;
  #lossSum = 0;
  #normSum = 0;
  #stepCount = 0;

  /** `lossName`: the output of the training step that is told as its loss. */
  constructor(layout: ParameterLayout, lossName: string) {
    this.#layout = layout;
    this.#lossName = lossName;
    this.#norms = new Float64Array(layout.length);
  }

  /** `result` is that of a training step. */
  add(result: TensorValues): void {
    this.#stepCount += 1;
    this.#lossSum += outputOf(result, this.#lossName).data[0] as number;
    this.#normSum += outputOf(result, 'gradientNorm').data[0] as number;
    const norms = outputOf(result, 'parameterNorms').data as Float32Array;
    norms.forEach((norm, index) => {
      this.#norms[index]! += norm;
    });
  }

  means(): Pick<TrainingProgress, 'trainLoss' | 'gradientNorm' | 'parameterNorms'> {
    return {
      trainLoss: this.#lossSum / this.#stepCount,
      gradientNorm: this.#normSum / this.#stepCount,
      parameterNorms: Object.fromEntries(
        this.#layout.map(({ name }, index) => [name, this.#norms[index]! / this.#stepCount]),
      ),
    };
  }
}
