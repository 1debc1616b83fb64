import type { FeatureSpec, History } from '../domain/features.js';
import { type AlertBounds, scoreAlerts } from './alert-score.js';
import { fitAgeWeibull } from './baselines/age-weibull.js';
import { type Baseline, indexHistories, judgeBaseline } from './baselines/baseline.js';
import { fitMarginal, marginalCurve } from './baselines/marginal.js';
import { fitSmoothedLinear } from './baselines/smoothed-linear.js';
import type { Observation, Steps } from './observation.js';
import type { ReplayResult } from './replay.js';
import { type BacktestReport, makeReport, type NamedRows } from './report.js';
import { judgeForecasts, type Selection } from './rows.js';

/**
 * Judges what a replay gave against what happened, with baselines fitted on the training histories and put to the
 * very same origins. `judgedHistories` are the feature rows of the judged machines; an origin that is in none of them
 * (forecast after a failure that was reported late) is no part of a life and counts as not judged. Without a failure
 * in the training histories only the marginal hazard can be fitted (and forecasts none).
 */
export function judgeReplay(parts: {
  readonly name: string;
  readonly result: Pick<ReplayResult, 'forecasts' | 'alerts'>;
  readonly observations: readonly Observation[];
  readonly trainingHistories: readonly History[];
  readonly judgedHistories: readonly History[];
  readonly spec: FeatureSpec;
  readonly selection: Selection;
  readonly steps: Steps;
  readonly alertBounds: AlertBounds;
}): BacktestReport {
  const { name, result, observations, trainingHistories, judgedHistories, spec, selection } = parts;
  const horizonDays = spec.horizonSteps;
  const find = indexHistories(judgedHistories);
  const selected = judgeForecasts(result.forecasts, observations, {
    selection,
    horizonDays,
    steps: parts.steps,
    fallback: marginalCurve(trainingHistories, horizonDays),
  });
  const rows = selected.rows.filter(({ machine, originMs }) => find(machine, originMs) !== undefined);
  const unjudgedCount = selected.unjudgedCount + selected.rows.length - rows.length;
  const named = (baseline: Baseline): NamedRows => ({
    name: baseline.name,
    rows: judgeBaseline(baseline, find, rows),
  });
  const anyFailure = trainingHistories.some(({ eventDay }) => eventDay.some((day) => day > 0));
  return makeReport({
    name,
    judged: { ...selected, rows, unjudgedCount },
    selection,
    reference: named(fitMarginal(trainingHistories, horizonDays)),
    baselines: anyFailure
      ? [named(fitAgeWeibull(trainingHistories, spec)), named(fitSmoothedLinear(trainingHistories, spec))]
      : [],
    alerts: scoreAlerts(result.alerts, observations, parts.alertBounds, parts.steps.nominalMs),
  });
}
