import type { FeatureSpec, History } from '../../domain/features.js';
import { ageAt, fitWeibull, weibullCurve } from '../../model/fallback/weibull.js';
import type { Baseline } from './baseline.js';

/** Weibull life by age alone, see fitWeibull; where there is no feature `age`, the row's number stands for it. Needs at least one failure. */
export function fitAgeWeibull(histories: readonly History[], spec: FeatureSpec): Baseline {
  const weibull = fitWeibull(histories, spec);
  return {
    name: 'age (Weibull)',
    predict: (history, row) => weibullCurve(weibull, ageAt(history, row, spec), spec.horizonSteps),
  };
}
