/** The simple models of an artifact, its file `fallback.json`: fitted on the network's training machines, and served. */
import { z } from 'zod';
import type { Fallback } from '../../domain/fallback.js';
import type { FeatureSpec, FeatureWindow, History } from '../../domain/features.js';
import { fitSmoothedHazard, SmoothedHazardModel, smoothedHazardSchema } from './smoothed-hazard.js';
import { fitWeibull, weibullCurve } from './weibull.js';

export const simpleModelsSchema = z.strictObject({
  formatVersion: z.literal(1),
  smoothing: smoothedHazardSchema,
  /** null: failures end no lives, and nobody knows the age. */
  age: z.strictObject({ shape: z.number().positive(), scaleSteps: z.number().positive() }).nullable(),
});
export type StoredSimpleModels = z.output<typeof simpleModelsSchema>;

/** `histories` are those of the training machines and have a failure (asserted). */
export function fitSimpleModels(spec: FeatureSpec, histories: readonly History[]): StoredSimpleModels {
  return {
    formatVersion: 1,
    // What is planned they do not look at.
    smoothing: fitSmoothedHazard({ ...spec, plannedVisits: undefined }, histories),
    age: spec.names.includes('age') ? fitWeibull(histories, spec) : null,
  };
}

/** In steps: no life is longer, and powers of it are finite. */
const ageMax = 1e6;

export class SimpleModels implements Fallback {
  readonly #stored: StoredSimpleModels;
  readonly #smoothing: SmoothedHazardModel;
  readonly #ageColumn: number;

  constructor(stored: StoredSimpleModels) {
    this.#stored = stored;
    this.#smoothing = new SmoothedHazardModel(stored.smoothing);
    this.#ageColumn = this.spec.names.indexOf('age');
  }

  get spec(): FeatureSpec {
    return this.#stored.smoothing.preprocessing.spec;
  }

  smoothed(window: FeatureWindow): Float32Array {
    return this.#smoothing.curve(window);
  }

  byAge({ rows }: FeatureWindow): Float32Array | undefined {
    const { names, contextSteps, horizonSteps } = this.spec;
    const { age } = this.#stored;
    const stepsBefore = rows[(contextSteps - 1) * names.length + this.#ageColumn] as number;
    if (age === null || !(stepsBefore >= 0)) return undefined;
    return Float32Array.from(weibullCurve(age, Math.min(stepsBefore, ageMax) + 1, horizonSteps));
  }
}
