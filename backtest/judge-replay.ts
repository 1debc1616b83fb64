import type { ForecastRecord } from '../domain/forecast.js';
import type { AlertScore } from './alert-score.js';
import { type Baseline, type FindRow, judgeBaseline } from './baselines/baseline.js';
import type { Baselines } from './baselines/fit-baselines.js';
import type { Observation, Steps } from './observation.js';
import { type BacktestReport, makeReport, type NamedRows } from './report.js';
import { judgeForecasts, type Selection } from './rows.js';

/**
 * Judges what a replay, or a plant, has forecast against what happened, with baselines put to the very same origins. `find` tells
 * the feature rows of the judged machines; an origin that it does not find (forecast after a failure that was reported
 * late) is no part of a life and counts as not judged.
 */
export function judgeReplay(parts: {
  readonly name: string;
  readonly forecasts: Iterable<ForecastRecord>;
  readonly observations: readonly Observation[];
  /** Fitted on histories that hold nothing of what is judged. */
  readonly baselines: Baselines;
  readonly find: FindRow;
  readonly horizonDays: number;
  readonly selection: Selection;
  readonly steps: Steps;
  readonly alerts: AlertScore;
}): BacktestReport {
  const { name, forecasts, observations, baselines, find, horizonDays, selection, alerts } = parts;
  const selected = judgeForecasts(forecasts, observations, {
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
    alerts,
  });
}
