/**
 * The condition of a rule: a number that a forecast gives, to be compared with a severity's thresholds.
 *
 *     failure_probability(14d)   P(failed within 14 days after the origin), in [0, 1]; higher is worse
 *     expected_day()             days until failure is more likely than not; lower is worse; none beyond the horizon
 *
 * Parsed once at load into a typed value, with the column of what is wrong. Nothing is ever evaluated as code.
 * Comparisons are not written here: set and reset thresholds live in the severities.
 */
import { parseDurationMs } from '../domain/duration.js';
import { expectedDay, type ForecastRecord, probabilityWithin } from '../domain/forecast.js';

export type Condition =
  | { readonly kind: 'failure-probability'; readonly withinMs: number }
  | { readonly kind: 'expected-day' };

/** On which side of a threshold it is bad. */
export type Direction = 'above' | 'below';

export function directionOf(condition: Condition): Direction {
  return condition.kind === 'expected-day' ? 'below' : 'above';
}

/** What is wrong with an expression, and where: `column` counts characters from 1. */
export interface ConditionError {
  readonly column: number;
  readonly message: string;
}

const functionNames = ['failure_probability', 'expected_day'] as const;
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
    return fail(`write ${functionNames.map((known) => `${known}(…)`).join(' or ')}, not ${found()}`);
  at += name.length;
  skip();
  if (text[at] !== '(') return fail(`expected "(" after ${name}, found ${found()}`);
  at++;
  skip();
  let condition: Condition;
  if (name === 'failure_probability') {
    const word = /^[^\s)]*/.exec(text.slice(at))?.[0] ?? '';
    const withinMs = parseDurationMs(word);
    if (withinMs === undefined || withinMs <= 0)
      return fail(`expected a time ahead such as 14d or 12h, found ${word === '' ? found() : `"${word}"`}`);
    at += word.length;
    skip();
    condition = { kind: 'failure-probability', withinMs };
  } else condition = { kind: 'expected-day' };
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
  return condition.kind === 'expected-day'
    ? 'expected_day()'
    : `failure_probability(${durationText(condition.withinMs)})`;
}

/** The condition's measure for people: `P(fail within 14 days)`. */
export function conditionWords(condition: Condition): string {
  return condition.kind === 'expected-day'
    ? 'days to the expected failure'
    : `P(fail within ${durationWords(condition.withinMs)})`;
}

/** `0.71`, or days with at most one decimal; `none` without a value. */
export function valueWords(condition: Condition, value: number | null): string {
  if (value === null) return 'none';
  return condition.kind === 'expected-day' ? String(Math.round(value * 10) / 10) : value.toFixed(2);
}

/**
 * What an assessable forecast of a machine whose steps are `stepMs` long gives; null: no failure expected within
 * the horizon (`expected_day` only). Caller: `withinMs` is a whole number of steps within the horizon.
 */
export function measure(condition: Condition, forecast: ForecastRecord, stepMs: number): number | null {
  if (condition.kind === 'failure-probability')
    return probabilityWithin(forecast, condition.withinMs / stepMs) ?? null;
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
