/** How good a value network is on windows it did not learn from: the loss that training stops by. */
import type { FeatureSpec } from '../../domain/features.js';
import { quantileLevels } from '../heads/quantiles.js';
import { type LoadedGraph, outputOf } from '../ports.js';
import { fillWindow, type Origin } from '../windows.js';
import type { ValueLabeller } from './value-windows.js';

export interface ValueScore {
  /** Pinball loss, summed over the quantiles, mean over the known values: that of training, on the newest steps. */
  readonly loss: number;
  /** [H] mean |median − value|, in standard deviations; NaN where nothing is known. */
  readonly mae: readonly number[];
  /** Share of the known values between the low and the high quantile; .8 is wanted. */
  readonly coverage: number;
}

const batchMax = 256;
const names = ['low', 'median', 'high'] as const;

export class ValueValidator {
  readonly #graph: LoadedGraph;
  readonly #spec: FeatureSpec;
  readonly #labeller: ValueLabeller;
  readonly #origins: readonly Origin[];

  /** `graph` is that of buildValueValidation. */
  constructor(graph: LoadedGraph, spec: FeatureSpec, labeller: ValueLabeller, origins: readonly Origin[]) {
    this.#graph = graph;
    this.#spec = spec;
    this.#labeller = labeller;
    this.#origins = origins;
  }

  async score(parameters: Float32Array): Promise<ValueScore> {
    const { contextSteps, horizonSteps, names: features } = this.#spec;
    const windowLength = contextSteps * features.length;
    const { width } = this.#labeller;
    const absolute = new Float64Array(horizonSteps);
    const counts = new Float64Array(horizonSteps);
    let [loss, inside] = [0, 0];
    for (let from = 0; from < this.#origins.length; from += batchMax) {
      const origins = this.#origins.slice(from, from + batchMax);
      const windows = new Float32Array(origins.length * windowLength);
      const actual = new Float32Array(origins.length * width);
      const known = new Float32Array(origins.length * width);
      origins.forEach((origin, index) => {
        fillWindow(windows.subarray(index * windowLength, (index + 1) * windowLength), this.#spec, origin);
        this.#labeller.fill({ actual, known }, index, origin.history, origin.step);
      });
      const judged = await this.#graph.run({
        parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
        windows: { dims: [origins.length, contextSteps, features.length], data: windows },
      });
      const said = names.map((name) => outputOf(judged, name).data as Float32Array);
      for (let at = 0; at < actual.length; at++) {
        if (known[at] === 0) continue;
        const value = actual[at]!;
        said.forEach((quantile, index) => {
          const error = value - quantile[at]!;
          const level = quantileLevels[index]!;
          loss += Math.max(level * error, (level - 1) * error);
        });
        absolute[at % horizonSteps]! += Math.abs(value - said[1]![at]!);
        counts[at % horizonSteps]! += 1;
        if (said[0]![at]! <= value && value <= said[2]![at]!) inside += 1;
      }
    }
    const count = counts.reduce((sum, each) => sum + each, 0);
    return {
      loss: loss / count,
      mae: [...absolute].map((sum, index) => sum / counts[index]!),
      coverage: inside / count,
    };
  }
}
