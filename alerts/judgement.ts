/**
 * What a rule thinks of a machine, apart from who was told what: hysteresis, `for`, `keepFiringFor` and whether
 * the machine can be assessed at all. Pure: an old judgement and a forecast give the new one.
 */
import { expectedDay, type ForecastRecord } from '../domain/forecast.js';
import { type Condition, evaluate, speaksOf } from './condition.js';
import { isFlapping, metBits, metCount } from './recent.js';
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
  /** Of rules with `holds` or `flapping`: at which of the newest assessable origins the condition was met; bit 0 is the newest. */
  readonly recent?: number;
  readonly flapping?: boolean;
  /** Of rules that ask for a change: what the rule's `changes` were at the newest assessable origin. */
  readonly measured?: readonly (number | null)[];
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
  if (!speaksOf(rule.curve, forecast)) return unwatched;
  const originMs = forecast.originMs;
  if (obstacleTo(rule, forecast) !== undefined) {
    const young = forecast.stepIndex + 1 < rule.minimumSteps;
    const assessedMs = young || before.assessedMs === null ? originMs : before.assessedMs;
    const due = originMs >= assessedMs + rule.notAssessableAfterMs;
    return due ? withGap({ ...before, assessedMs }, before.gap || 'forecast') : { ...before, assessedMs };
  }
  const value = measuredValue(rule, before, rule.condition, forecast);
  const met = rule.when === undefined || measure(rule, before, rule.when, forecast) === 1;
  const level = met ? levelOf(rule, value, before.severity) : -1;
  const assessed: Judgement = {
    ...before,
    gap: '',
    assessedMs: Math.max(before.assessedMs ?? originMs, originMs),
    value,
    expectedSteps: expectedDay(forecast.probabilities),
    ...(looksBack(rule) ? memoryOf(rule, before, forecast, met && levelOf(rule, value, '') >= 0) : undefined),
  };
  const severity = rule.severities[level]?.name ?? '';
  if (before.phase === 'firing') {
    const calm = rule.severities.findIndex(({ name }) => name === before.severity);
    if (assessed.flapping && level <= calm)
      return { ...assessed, severity: before.severity, clearSinceMs: null };
    if (severity !== '') return { ...assessed, severity, clearSinceMs: null };
    const clearSinceMs = before.clearSinceMs ?? originMs;
    if (rule.elapsedMs(clearSinceMs, originMs) < rule.keepFiringMs) return { ...assessed, clearSinceMs };
    return { ...assessed, phase: 'inactive', severity: '', clearSinceMs: null };
  }
  if (severity === '') return { ...assessed, phase: 'inactive', severity: '', heldSinceMs: null };
  const heldSinceMs = before.heldSinceMs ?? originMs;
  const enough = rule.holds
    ? metCount(assessed.recent ?? 0, rule.holds.of) >= rule.holds.times
    : rule.elapsedMs(heldSinceMs, originMs) >= rule.forMs;
  return enough
    ? { ...assessed, phase: 'firing', severity, heldSinceMs: null }
    : { ...assessed, phase: 'pending', severity, heldSinceMs };
}

/** Why a rule cannot judge a forecast, in words; undefined: it can. Of what is no forecast only data quality can be judged. */
export function obstacleTo(rule: Rule, forecast: ForecastRecord): string | undefined {
  if (rule.curve === undefined) return undefined;
  if (forecast.probabilities.length === 0) return forecast.reason;
  return forecast.coverage < rule.minimumCoverage
    ? `coverage ${forecast.coverage.toFixed(2)} is below ${rule.minimumCoverage}`
    : undefined;
}

function measure(rule: Rule, before: Judgement, condition: Condition, forecast: ForecastRecord): number {
  return evaluate(condition, forecast, {
    stepMs: rule.stepMs,
    before: (of) => before.measured?.[rule.changes.indexOf(of)] ?? Number.NaN,
  });
}

/** null: a day beyond the horizon, or what cannot be told. */
function measuredValue(
  rule: Rule,
  before: Judgement,
  condition: Condition,
  forecast: ForecastRecord,
): number | null {
  const value = measure(rule, before, condition, forecast);
  return Number.isFinite(value) ? value : null;
}

const looksBack = ({ holds, flapping, changes }: Rule): boolean =>
  holds !== undefined || flapping !== undefined || changes.length > 0;

/** What is remembered for the origins to come, of the rules that look back. */
function memoryOf(
  rule: Rule,
  before: Judgement,
  forecast: ForecastRecord,
  met: boolean,
): Pick<Judgement, 'recent' | 'flapping' | 'measured'> {
  const recent = rule.holds || rule.flapping ? metBits(before.recent ?? 0, met) : undefined;
  return {
    ...(recent === undefined ? {} : { recent }),
    ...(rule.flapping && recent !== undefined
      ? { flapping: isFlapping(recent, before.flapping ?? false, rule.flapping) }
      : {}),
    ...(rule.changes.length === 0
      ? {}
      : {
          measured: rule.changes.map((of) => measuredValue(rule, before, of, forecast)),
        }),
  };
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
  const above = rule.direction === 'above';
  // A day beyond the horizon is later than any threshold, and what cannot be told reaches none.
  const measured = value ?? (above ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
  const known = rule.severities.findIndex(({ name }) => name === severityBefore);
  const levelBefore = severityBefore === '' ? -1 : Math.max(0, known);
  for (let level = rule.severities.length - 1; level >= 0; level--) {
    const { set, reset } = rule.severities[level] as Rule['severities'][number];
    if (above ? measured >= set : measured <= set) return level;
    if (level <= levelBefore && (above ? measured >= reset : measured <= reset)) return level;
  }
  return -1;
}
