import type { FeatureSpec, History } from '../domain/features.js';
import { type AlertBounds, scoreAlerts } from './alert-score.js';
import { type Baseline, indexHistories, judgeBaseline } from './baselines/baseline.js';
import type { Baselines } from './baselines/fit-baselines.js';
import type { Finding } from './feedback.js';
import type { Observation, Steps } from './observation.js';
import type { ReplayResult } from './replay.js';
import { type BacktestReport, makeReport, type NamedRows } from './report.js';
import { judgeForecasts, type Selection } from './rows.js';

/**
 * Judges what a replay gave against what happened, with baselines put to the very same origins. `judgedHistories` are the feature rows of the judged machines; an origin that is in none of them
 * (forecast after a failure that was reported late) is no part of a life and counts as not judged.
 */
export function judgeReplay(parts: {
  readonly name: string;
  readonly result: Pick<ReplayResult, 'forecasts' | 'alerts'>;
  readonly observations: readonly Observation[];
  /** Fitted on histories that hold nothing of what is judged. */
  readonly baselines: Baselines;
  readonly judgedHistories: readonly History[];
  readonly spec: FeatureSpec;
  readonly selection: Selection;
  readonly steps: Steps;
  readonly alertBounds: AlertBounds;
  /** What people said of alerts; default: nothing. */
  readonly findings?: readonly Finding[];
}): BacktestReport {
  const { name, result, observations, baselines, judgedHistories, spec, selection } = parts;
  const horizonDays = spec.horizonSteps;
  const find = indexHistories(judgedHistories);
  const selected = judgeForecasts(result.forecasts, observations, {
    selection,
    horizonDays,
    steps: parts.steps,
    fallback: baselines.referenceCurve,
  });
  const rows = selected.rows.filter(({ machine, originMs }) => find(machine, originMs) !== undefined);
  const unjudgedCount = selected.unjudgedCount + selected.rows.length - rows.length;
  const named = (baseline: Baseline): NamedRows => ({
    name: baseline.name,
    rows: judgeBaseline(baseline, find, rows),
  });
  // One after the other: a year of a plant has a curve for each day of every machine.
  function* others(): Generator<NamedRows> {
    for (const baseline of baselines.others) yield named(baseline);
  }
  return makeReport({
    name,
    judged: { ...selected, rows, unjudgedCount },
    selection,
    reference: named(baselines.reference),
    baselines: others(),
    alerts: scoreAlerts(
      result.alerts,
      observations,
      parts.alertBounds,
      parts.steps.nominalMs,
      parts.findings,
    ),
  });
}
