/** How good a network is on windows it did not learn from: the loss that training stops by, and the Brier score. */
import type { FeatureSpec } from '../domain/features.js';
import { windowFeeds } from './known-future.js';
import { type LoadedGraph, outputOf } from './ports.js';
import { fillWindow, type Origin } from './windows.js';

export interface ValidationScore {
  /** −log-likelihood of the known days of an origin, mean over the origins: the hazard loss of training. */
  readonly loss: number;
  /** [H] mean of (F_k − failed by day k)² over the origins whose day k is known; NaN where there is none. */
  readonly brier: readonly number[];
  /** Mean of `brier` over the days that have one. */
  readonly meanBrier: number;
}

const batchMax = 256;

/** Scores parameters on the windows that end at `origins`. */
export class Validator {
  readonly #graph: LoadedGraph;
  readonly #spec: FeatureSpec;
  readonly #origins: readonly Origin[];

  /** `graph` is that of buildValidation. */
  constructor(graph: LoadedGraph, spec: FeatureSpec, origins: readonly Origin[]) {
    this.#graph = graph;
    this.#spec = spec;
    this.#origins = origins;
  }

  async score(parameters: Float32Array): Promise<ValidationScore> {
    const { contextSteps, horizonSteps, names } = this.#spec;
    const windowLength = contextSteps * names.length;
    const tally = new Tally(horizonSteps);
    for (let from = 0; from < this.#origins.length; from += batchMax) {
      const origins = this.#origins.slice(from, from + batchMax);
      const windows = new Float32Array(origins.length * windowLength);
      origins.forEach((origin, index) => {
        fillWindow(windows.subarray(index * windowLength, (index + 1) * windowLength), this.#spec, origin);
      });
      const judged = await this.#graph.run({
        parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
        ...windowFeeds(this.#spec, windows),
      });
      const values = outputOf(judged, 'logits').data as Float32Array;
      origins.forEach(({ history, step }, index) => {
        const row = values.subarray(index * horizonSteps, (index + 1) * horizonSteps);
        tally.add(row, history.eventDay[step]!, history.knownDays[step]!);
      });
    }
    return tally.score();
  }
}

class Tally {
  readonly #brierSums: Float64Array;
  readonly #brierCounts: Float64Array;
  #lossSum = 0;
  #originCount = 0;

  constructor(horizonSteps: number) {
    this.#brierSums = new Float64Array(horizonSteps);
    this.#brierCounts = new Float64Array(horizonSteps);
  }

  add(logits: Float32Array, eventDay: number, knownDays: number): void {
    this.#originCount += 1;
    let logSurvival = 0;
    for (let day = 1; day <= logits.length; day++) {
      const logit = logits[day - 1]!;
      const softplus = Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit)));
      logSurvival -= softplus;
      if (day <= knownDays) {
        this.#lossSum += softplus - (day === eventDay ? logit : 0);
      }
      const failed = eventDay > 0 && eventDay <= day;
      if (failed || day <= knownDays) {
        this.#brierSums[day - 1]! += (-Math.expm1(logSurvival) - (failed ? 1 : 0)) ** 2;
        this.#brierCounts[day - 1]! += 1;
      }
    }
  }

  score(): ValidationScore {
    const brier = [...this.#brierSums].map((sum, index) => sum / this.#brierCounts[index]!);
    const known = brier.filter((value) => !Number.isNaN(value));
    return {
      loss: this.#lossSum / this.#originCount,
      brier,
      meanBrier: known.reduce((sum, value) => sum + value, 0) / known.length,
    };
  }
}

/** `max` of the items, evenly spaced; all of them where there are no more. */
export function thin<T>(items: readonly T[], max: number): T[] {
  if (items.length <= max) return [...items];
  return Array.from({ length: max }, (_, index) => items[Math.floor((index * items.length) / max)] as T);
}
