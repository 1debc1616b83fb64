/**
 * What a rule thinks of a machine, apart from who was told what: hysteresis, `for`, `keepFiringFor` and whether
 * the machine can be assessed at all. Pure: an old judgement and a forecast give the new one.
 */
import { curveOf, expectedDay, type ForecastRecord } from '../domain/forecast.js';
import { curveKindOf, measure } from './condition.js';
import type { Rule } from './rule.js';

export interface Judgement {
  readonly phase: 'inactive' | 'pending' | 'firing';
  /** '' while inactive. */
  readonly severity: string;
  /** While pending: origin from which the condition has held. */
  readonly heldSinceMs: number | null;
  /** While firing on `keepFiringFor`: origin from which the condition has been gone. */
  readonly clearSinceMs: number | null;
  /**
   * Cannot be assessed: 'forecast' because forecasts say so, 'silence' because none came. A firing alert stays
   * firing underneath; a pending one starts anew.
   */
  readonly gap: '' | 'forecast' | 'silence';
  /** Newest moment at which the machine could be assessed, or nothing was to be expected; null: not watched. */
  readonly assessedMs: number | null;
  /** Of the newest assessable forecast. */
  readonly value: number | null;
  readonly expectedSteps: number | null;
}

/** Of a machine that is not watched: before its first forecast, after a failure or retirement. */
export const unwatched: Judgement = {
  phase: 'inactive',
  severity: '',
  heldSinceMs: null,
  clearSinceMs: null,
  gap: '',
  assessedMs: null,
  value: null,
  expectedSteps: null,
};

/**
 * Judges a forecast of a new origin, or a revision of the newest origin from the judgement before that origin.
 * A forecast that is not assessable neither holds nor clears the condition. A machine whose forecasts are not of what the
 * rule speaks of is not watched by it.
 */
export function judgeForecast(rule: Rule, before: Judgement, forecast: ForecastRecord): Judgement {
  if (curveOf(forecast) !== curveKindOf(rule.condition)) return unwatched;
  const originMs = forecast.originMs;
  if (forecast.probabilities.length === 0) {
    const young = forecast.stepIndex + 1 < rule.minimumSteps;
    const assessedMs = young || before.assessedMs === null ? originMs : before.assessedMs;
    const due = originMs >= assessedMs + rule.notAssessableAfterMs;
    return due ? withGap({ ...before, assessedMs }, before.gap || 'forecast') : { ...before, assessedMs };
  }
  const value = measure(rule.condition, forecast, rule.stepMs);
  const level = levelOf(rule, value, before.severity);
  const assessed: Judgement = {
    ...before,
    gap: '',
    assessedMs: Math.max(before.assessedMs ?? originMs, originMs),
    value,
    expectedSteps: expectedDay(forecast.probabilities),
  };
  const severity = rule.severities[level]?.name ?? '';
  if (before.phase === 'firing') {
    if (severity !== '') return { ...assessed, severity, clearSinceMs: null };
    const clearSinceMs = before.clearSinceMs ?? originMs;
    if (rule.elapsedMs(clearSinceMs, originMs) < rule.keepFiringMs) return { ...assessed, clearSinceMs };
    return { ...assessed, phase: 'inactive', severity: '', clearSinceMs: null };
  }
  if (severity === '') return { ...assessed, phase: 'inactive', severity: '', heldSinceMs: null };
  const heldSinceMs = before.heldSinceMs ?? originMs;
  return rule.elapsedMs(heldSinceMs, originMs) < rule.forMs
    ? { ...assessed, phase: 'pending', severity, heldSinceMs }
    : { ...assessed, phase: 'firing', severity, heldSinceMs: null };
}

/** When silence makes the machine not assessable; Infinity when it is already, or not watched. */
export function silenceDeadlineMs(rule: Rule, judgement: Judgement): number {
  return judgement.assessedMs === null || judgement.gap !== ''
    ? Number.POSITIVE_INFINITY
    : judgement.assessedMs + rule.notAssessableAfterMs;
}

export function withGap(judgement: Judgement, gap: 'forecast' | 'silence'): Judgement {
  if (judgement.phase !== 'pending') return { ...judgement, gap };
  return { ...judgement, phase: 'inactive', severity: '', heldSinceMs: null, gap };
}

/**
 * Index of the severity in force, -1 for none: a severity begins when the value reaches its `set` and lasts, also
 * while pending, until the value passes its `reset`. A severity that the rule no longer has counts as the mildest.
 */
function levelOf(rule: Rule, value: number | null, severityBefore: string): number {
  // A day of failure beyond the horizon is later than any threshold; a probability always has a value.
  const measured = value ?? Number.POSITIVE_INFINITY;
  const reaches = (threshold: number): boolean =>
    rule.direction === 'above' ? measured >= threshold : measured <= threshold;
  const known = rule.severities.findIndex(({ name }) => name === severityBefore);
  const levelBefore = severityBefore === '' ? -1 : Math.max(0, known);
  return rule.severities.findLastIndex(
    ({ set, reset }, index) => reaches(set) || (index <= levelBefore && reaches(reset)),
  );
}
