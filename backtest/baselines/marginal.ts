import type { History } from '../../domain/features.js';
import { accumulateHazards } from '../../domain/hazards.js';
import type { Baseline } from './baseline.js';

/**
 * Hazard of day k over all training rows: failures on day k / rows known to run up to day k − 1 whose day k is
 * known. Knows nothing of the machine: the no-skill forecast. A day that no row reaches has hazard 0 (nothing was
 * ever seen to fail there).
 */
export function marginalHazards(histories: readonly History[], horizonDays: number): Float64Array {
  const atRisk = new Float64Array(horizonDays);
  const failed = new Float64Array(horizonDays);
  for (const history of histories) {
    for (let row = 0; row < history.stepCount; row++) {
      const event = history.eventDay[row] as number;
      const last = event > 0 ? event : (history.knownDays[row] as number);
      for (let k = 0; k < Math.min(last, horizonDays); k++) atRisk[k] = (atRisk[k] as number) + 1;
      if (event > 0 && event <= horizonDays) failed[event - 1] = (failed[event - 1] as number) + 1;
    }
  }
  return failed.map((count, k) => (atRisk[k] === 0 ? 0 : count / (atRisk[k] as number)));
}

/** [H] F_1..F_H of the marginal hazards. */
export function marginalCurve(histories: readonly History[], horizonDays: number): Float64Array {
  return accumulateHazards(marginalHazards(histories, horizonDays));
}

/** The same curve for every machine and origin. */
export function fitMarginal(histories: readonly History[], horizonDays: number): Baseline {
  const curve = marginalCurve(histories, horizonDays);
  return { name: 'marginal hazard', predict: () => curve.slice() };
}
