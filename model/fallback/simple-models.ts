/** The simple models of an artifact, its file `fallback.json`: fitted on the network's training machines, and served. */
import { z } from 'zod';
import type { Doubt, Fallback } from '../../domain/fallback.js';
import type { FeatureSpec, FeatureWindow, History } from '../../domain/features.js';
import { type Origin, windowOf } from '../windows.js';
import { fitSmoothedHazard, SmoothedHazardModel, smoothedHazardSchema } from './smoothed-hazard.js';
import {
  departure,
  departureMaxOf,
  doubtCurve,
  doubtInputs,
  fitBounds,
  outsideOf,
  shareMaxOf,
  trustSchema,
} from './trust.js';
import { fitWeibull, weibullCurve } from './weibull.js';

export const simpleModelsSchema = z.strictObject({
  formatVersion: z.literal(1),
  smoothing: smoothedHazardSchema,
  /** null: failures end no lives, and nobody knows the age. */
  age: z.strictObject({ shape: z.number().positive(), scaleSteps: z.number().positive() }).nullable(),
  trust: trustSchema,
});
export type StoredSimpleModels = z.output<typeof simpleModelsSchema>;

/** What the network says of an origin that it did not learn from. */
export interface ValidationCurve {
  readonly origin: Origin;
  /** [H] */
  readonly curve: ArrayLike<number>;
}

/** `training`: the network's training histories, with a failure among them (asserted). `validation`: how far it may be believed. */
export function fitSimpleModels(
  spec: FeatureSpec,
  training: readonly History[],
  validation: readonly ValidationCurve[],
): StoredSimpleModels {
  // What is planned they do not look at.
  const smoothing = fitSmoothedHazard({ ...spec, plannedVisits: undefined }, training);
  const model = new SmoothedHazardModel(smoothing);
  const bounds = fitBounds(spec, training, smoothing.preprocessing.keptColumns);
  const seen = validation.map(({ origin, curve }) => {
    const window = windowOf(spec, origin);
    const smoothed = model.curve(window);
    return {
      share: outsideOf(bounds, spec, window).share,
      above: departure(curve, smoothed),
      below: departure(smoothed, curve),
    };
  });
  return {
    formatVersion: 1,
    smoothing,
    age: spec.names.includes('age') ? fitWeibull(training, spec) : null,
    trust: {
      ...bounds,
      shareMax: shareMaxOf(seen.map(({ share }) => share)),
      aboveMax: departureMaxOf(seen.map(({ above }) => above)),
      belowMax: departureMaxOf(seen.map(({ below }) => below)),
    },
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

  doubtInputs(window: FeatureWindow): Doubt | undefined {
    return doubtInputs(this.#stored.trust, this.spec, window);
  }

  doubtCurve(curve: Float32Array, smoothed: Float32Array): Doubt | undefined {
    return doubtCurve(this.#stored.trust, curve, smoothed);
  }
}
