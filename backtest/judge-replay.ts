import type { ForecastRecord } from '../domain/forecast.js';
import type { AlertScore } from './alert-score.js';
import { type Baseline, type FindRow, judgeBaseline } from './baselines/baseline.js';
import type { Baselines } from './baselines/fit-baselines.js';
import type { Observation, Steps } from './observation.js';
import { type BacktestReport, makeReport, type NamedRows } from './report.js';
import { type JudgedRows, judgeForecasts, type Selection } from './rows.js';

/** What forecasts are judged by, apart from who else has forecast and what alerts came of them. */
export interface JudgedBy {
  readonly forecasts: Iterable<ForecastRecord>;
  readonly observations: readonly Observation[];
  /** Fitted on histories that hold nothing of what is judged. */
  readonly baselines: Baselines;
  readonly find: FindRow;
  readonly horizonDays: number;
  readonly selection: Selection;
  readonly steps: Steps;
}

/**
 * Forecasts with what came of them. `find` tells the feature rows of the judged machines; an origin that it does not find (forecast after a
 * failure that was reported late) is no part of a life and counts as not judged.
 */
export function judgeOrigins({ forecasts, observations, baselines, find, ...options }: JudgedBy): JudgedRows {
  const selected = judgeForecasts(forecasts, observations, {
    ...options,
    fallbackAt: baselines.referenceAt,
  });
  const rows = selected.rows.filter(({ machine, originMs }) => find(machine, originMs) !== undefined);
  return { ...selected, rows, unjudgedCount: selected.unjudgedCount + selected.rows.length - rows.length };
}

/** Judges what a replay, or a plant, has forecast against what happened, with baselines put to the very same origins. */
export function judgeReplay(
  parts: JudgedBy & { readonly name: string; readonly alerts: AlertScore },
): BacktestReport {
  const { name, baselines, find, selection, alerts } = parts;
  const judged = judgeOrigins(parts);
  const named = (baseline: Baseline): NamedRows => ({
    name: baseline.name,
    rows: judgeBaseline(baseline, find, judged.rows),
  });
  // One after the other: a year of a plant has a curve for each day of every machine.
  function* others(): Generator<NamedRows> {
    for (const baseline of baselines.others) yield named(baseline);
  }
  return makeReport({
    name,
    judged,
    selection,
    reference: named(baselines.reference),
    baselines: others(),
    alerts,
  });
}
