import type { FeatureSpec, History } from '../../domain/features.js';
import { fitAgeWeibull } from './age-weibull.js';
import type { Baseline } from './baseline.js';
import { fitMarginal, marginalCurve } from './marginal.js';
import { fitPersonPeriod } from './person-period.js';
import { fitRegimeScaling } from './regime-scaling.js';
import { fitSmoothedLinear } from './smoothed-linear.js';

/** The plain forecasters beside a network, fitted on the same histories. */
export interface Baselines {
  /** The marginal hazard: it knows nothing of the machine, and skill is measured against it. */
  readonly reference: Baseline;
  /** [H] Its curve at an origin, the same for all machines. */
  referenceAt(originMs: number): Float64Array;
  readonly others: readonly Baseline[];
}

/**
 * Those that read sensors read them as z-scores of their operating regime where there are settings, as a network does.
 * Without a failure in the histories only the marginal hazard can be fitted (and forecasts none).
 */
export function fitBaselines(histories: readonly History[], spec: FeatureSpec): Baselines {
  const anyFailure = histories.some(({ eventDay }) => eventDay.some((day) => day > 0));
  const curve = marginalCurve(histories, spec.horizonSteps);
  return {
    reference: fitMarginal(histories, spec.horizonSteps),
    referenceAt: () => curve,
    others: anyFailure ? [fitAgeWeibull(histories, spec), ...fitReaders(histories, spec)] : [],
  };
}

function fitReaders(histories: readonly History[], spec: FeatureSpec): Baseline[] {
  if (spec.settingColumns.length === 0)
    return [fitSmoothedLinear(histories, spec), fitPersonPeriod(histories, spec)];
  const scaling = fitRegimeScaling(spec, histories);
  const scaled = histories.map(scaling.apply);
  return [fitSmoothedLinear(scaled, scaling.spec), fitPersonPeriod(scaled, scaling.spec)].map(
    ({ name, predict }) => ({ name, predict: (history, row) => predict(scaling.apply(history), row) }),
  );
}
