/**
 * The condition of a rule: a number that a forecast gives, to be compared with a severity's thresholds.
 *
 *     failure_probability(14d)   P(failed within 14 days after the origin), in [0, 1]; higher is worse
 *     expected_day()             days until failure is more likely than not; lower is worse; none beyond the horizon
 *     limit_probability(14d)     P(health index has passed its limit within 14 days), in [0, 1]; higher is worse
 *     limit_day()                days until that is more likely than not; lower is worse; none beyond the horizon
 *
 * The first two speak of forecasts of failures, the others of forecasts of the health index, which knows no failures. A
 * rule judges the forecasts that its condition speaks of, and no others.
 *
 * Parsed once at load into a typed value, with the column of what is wrong. Nothing is ever evaluated as code.
 * Comparisons are not written here: set and reset thresholds live in the severities.
 */
import { parseDurationMs } from '../domain/duration.js';
import { type CurveKind, expectedDay, type ForecastRecord, probabilityWithin } from '../domain/forecast.js';

export type Condition =
  | { readonly kind: 'failure-probability'; readonly withinMs: number }
  | { readonly kind: 'expected-day' }
  | { readonly kind: 'limit-probability'; readonly withinMs: number }
  | { readonly kind: 'limit-day' };

/** On which side of a threshold it is bad. */
export type Direction = 'above' | 'below';

export function directionOf(condition: Condition): Direction {
  return 'withinMs' in condition ? 'above' : 'below';
}

/** Which forecasts a condition speaks of. */
export function curveKindOf({ kind }: Condition): CurveKind {
  return kind === 'failure-probability' || kind === 'expected-day' ? 'failure' : 'health-limit';
}

/** What is wrong with an expression, and where: `column` counts characters from 1. */
export interface ConditionError {
  readonly column: number;
  readonly message: string;
}

const functionNames = ['failure_probability', 'expected_day', 'limit_probability', 'limit_day'] as const;
type FunctionName = (typeof functionNames)[number];

export function parseCondition(text: string): Condition | ConditionError {
  let at = text.length - text.trimStart().length;
  const skip = (): void => {
    while (text[at] === ' ') at++;
  };
  const fail = (message: string): ConditionError => ({ column: at + 1, message });
  const found = (): string => (at < text.length ? `"${text.slice(at)}"` : 'the end');

  const name = /^[A-Za-z_]\w*/.exec(text.slice(at))?.[0] ?? '';
  if (!isFunctionName(name))
    return fail(
      `write ${functionNames
        .map((known) => `${known}(…)`)
        .join(', ')
        .replace(/, (?=[^,]*$)/, ' or ')}, not ${found()}`,
    );
  at += name.length;
  skip();
  if (text[at] !== '(') return fail(`expected "(" after ${name}, found ${found()}`);
  at++;
  skip();
  let condition: Condition;
  if (name === 'failure_probability' || name === 'limit_probability') {
    const word = /^[^\s)]*/.exec(text.slice(at))?.[0] ?? '';
    const withinMs = parseDurationMs(word);
    if (withinMs === undefined || withinMs <= 0)
      return fail(`expected a time ahead such as 14d or 12h, found ${word === '' ? found() : `"${word}"`}`);
    at += word.length;
    skip();
    const kind = name === 'failure_probability' ? 'failure-probability' : 'limit-probability';
    condition = { kind, withinMs };
  } else condition = { kind: name === 'expected_day' ? 'expected-day' : 'limit-day' };
  if (text[at] !== ')') return fail(`expected ")", found ${found()}`);
  at++;
  if (text.slice(at).trim() !== '') {
    skip();
    return fail(`nothing may follow the condition, found ${found()}; thresholds belong in \`severities\``);
  }
  return condition;
}

function isFunctionName(name: string): name is FunctionName {
  return (functionNames as readonly string[]).includes(name);
}

export const dayMs = 86_400_000;

/** The condition's measure as it is written: `failure_probability(14d)`. */
export function conditionText(condition: Condition): string {
  switch (condition.kind) {
    case 'failure-probability':
      return `failure_probability(${durationText(condition.withinMs)})`;
    case 'limit-probability':
      return `limit_probability(${durationText(condition.withinMs)})`;
    case 'expected-day':
      return 'expected_day()';
    case 'limit-day':
      return 'limit_day()';
  }
}

/** The condition's measure for people: `P(fail within 14 days)`. */
export function conditionWords(condition: Condition): string {
  switch (condition.kind) {
    case 'failure-probability':
      return `P(fail within ${durationWords(condition.withinMs)})`;
    case 'limit-probability':
      return `P(health index passes its limit within ${durationWords(condition.withinMs)})`;
    case 'expected-day':
      return 'days to the expected failure';
    case 'limit-day':
      return 'days until the health index passes its limit';
  }
}

/** `0.71`, or days with at most one decimal; `none` without a value. */
export function valueWords(condition: Condition, value: number | null): string {
  if (value === null) return 'none';
  return 'withinMs' in condition ? value.toFixed(2) : String(Math.round(value * 10) / 10);
}

/**
 * What an assessable forecast of a machine whose steps are `stepMs` long gives; null: nothing expected within the horizon
 * (days only). Caller: `withinMs` is a whole number of steps within the horizon, the forecast of the condition's kind.
 */
export function measure(condition: Condition, forecast: ForecastRecord, stepMs: number): number | null {
  if ('withinMs' in condition) return probabilityWithin(forecast, condition.withinMs / stepMs) ?? null;
  const steps = expectedDay(forecast.probabilities);
  return steps === null ? null : (steps * stepMs) / dayMs;
}

const units: readonly (readonly [number, string, string])[] = [
  [dayMs, 'd', 'day'],
  [3_600_000, 'h', 'hour'],
  [60_000, 'm', 'minute'],
  [1000, 's', 'second'],
  [1, 'ms', 'millisecond'],
];

function largestUnit(ms: number): readonly [number, string, string] {
  return units.find(([unitMs]) => ms % unitMs === 0) ?? [1, 'ms', 'millisecond'];
}

/** 1209600000 → `14d`: the inverse of `parseDurationMs`. */
export function durationText(ms: number): string {
  const [unitMs, letter] = largestUnit(ms);
  return `${ms / unitMs}${letter}`;
}

/** 1209600000 → `14 days`. */
export function durationWords(ms: number): string {
  const [unitMs, , word] = largestUnit(ms);
  const count = ms / unitMs;
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
