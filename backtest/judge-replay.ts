import type { FeatureSpec, History } from '../domain/features.js';
import { type AlertBounds, scoreAlerts } from './alert-score.js';
import { fitAgeWeibull } from './baselines/age-weibull.js';
import { judgeBaseline } from './baselines/baseline.js';
import { fitMarginal, marginalCurve } from './baselines/marginal.js';
import { fitSmoothedLinear } from './baselines/smoothed-linear.js';
import type { CountSteps, Observation } from './observation.js';
import type { ReplayResult } from './replay.js';
import { type BacktestReport, makeReport, type NamedRows } from './report.js';
import { judgeForecasts, type Selection } from './rows.js';

/**
 * Judges what a replay gave against what happened, with baselines fitted on the training histories and put to the
 * very same origins. `judgedHistories` must hold the feature rows of every judged origin. Without a failure in the
 * training histories only the marginal hazard can be fitted (and forecasts none).
 */
export function judgeReplay(parts: {
  readonly name: string;
  readonly result: Pick<ReplayResult, 'forecasts' | 'alerts'>;
  readonly observations: readonly Observation[];
  readonly trainingHistories: readonly History[];
  readonly judgedHistories: readonly History[];
  readonly spec: FeatureSpec;
  readonly selection: Selection;
  readonly countSteps: CountSteps;
  readonly alertBounds: AlertBounds;
  /** Length of a day (step) in lead times. */
  readonly dayMs?: number;
}): BacktestReport {
  const { name, result, observations, trainingHistories, judgedHistories, spec, selection } = parts;
  const horizonDays = spec.horizonSteps;
  const judged = judgeForecasts(result.forecasts, observations, {
    selection,
    horizonDays,
    countSteps: parts.countSteps,
    fallback: marginalCurve(trainingHistories, horizonDays),
  });
  const named = (baseline: Parameters<typeof judgeBaseline>[0]): NamedRows => ({
    name: baseline.name,
    rows: judgeBaseline(baseline, judgedHistories, judged.rows),
  });
  const anyFailure = trainingHistories.some(({ eventDay }) => eventDay.some((day) => day > 0));
  return makeReport({
    name,
    judged,
    selection,
    reference: named(fitMarginal(trainingHistories, horizonDays)),
    baselines: anyFailure
      ? [named(fitAgeWeibull(trainingHistories, spec)), named(fitSmoothedLinear(trainingHistories, spec))]
      : [],
    alerts: scoreAlerts(result.alerts, observations, parts.alertBounds, parts.dayMs),
  });
}
