/**
 * The condition of a rule: an expression over a forecast, a number to be compared with a severity's thresholds or a truth.
 * Parsed once at load (condition-parser.ts) into this tree; nothing is ever evaluated as code. The language is told in
 * docs/guide/alerts.md.
 *
 * Functions of the curve speak of forecasts of failures (`failure_…`, `expected_day`) or of those of the health index
 * (`limit_…`), which knows no failures. A rule judges the forecasts that its condition speaks of, and no others; one that speaks of
 * neither, of data quality alone, judges all, also those that could not be made.
 */
import {
  type CurveKind,
  curveOf,
  expectedDay,
  type ForecastRecord,
  probabilityWithin,
} from '../domain/forecast.js';
import { type Measure, measureKey } from '../domain/measure.js';

export type Condition =
  /** P(failed, or past the limit, within so long after the origin), in [0, 1]. */
  | { readonly kind: 'failure-probability'; readonly withinMs: number }
  | { readonly kind: 'limit-probability'; readonly withinMs: number }
  /** Days until that is more likely than not; beyond the horizon later than any number. */
  | { readonly kind: 'expected-day' }
  | { readonly kind: 'limit-day' }
  /** Of the newest steps, in [0, 1]. */
  | { readonly kind: 'coverage' }
  /** How many sensors gave no reading in the newest step; whether this one did not. */
  | { readonly kind: 'silent-sensors' }
  | { readonly kind: 'silent'; readonly sensor: string }
  /** The same of sensors whose readings in the newest step were all equal. */
  | { readonly kind: 'stuck-sensors' }
  | { readonly kind: 'stuck'; readonly sensor: string }
  /** 1 is the limit. */
  | { readonly kind: 'health-index' }
  /** Steps of the machine's present life. */
  | { readonly kind: 'age' }
  | { readonly kind: 'status'; readonly status: 'provisional' | 'final' | 'fallback' | 'not-assessable' }
  /** A sensor's aggregate in the newest step, such as `speed.mean`. */
  | { readonly kind: 'value'; readonly feature: string }
  /** How far its newest steps lie from those before them, in standard deviations. */
  | { readonly kind: 'drift'; readonly feature: string; readonly overMs: number }
  /** Against the origin before. */
  | { readonly kind: 'change'; readonly of: Condition }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | {
      readonly kind: 'compare';
      readonly operator: '<' | '<=' | '>' | '>=' | '==' | '!=';
      readonly left: Condition;
      readonly right: Condition;
    }
  | {
      readonly kind: 'arithmetic';
      readonly operator: '+' | '-' | '*' | '/';
      readonly left: Condition;
      readonly right: Condition;
    };

export type ValueType = 'number' | 'truth';

export function typeOf({ kind }: Condition): ValueType {
  switch (kind) {
    case 'silent':
    case 'stuck':
    case 'status':
    case 'not':
    case 'and':
    case 'or':
    case 'compare':
      return 'truth';
    default:
      return 'number';
  }
}

/** On which side of a threshold it is bad. */
export type Direction = 'above' | 'below';

/** What thresholds of the condition are: days, a probability, or any number. */
export function unitOf({ kind }: Condition): 'days' | 'probability' | 'number' | 'truth' {
  switch (kind) {
    case 'expected-day':
    case 'limit-day':
      return 'days';
    case 'failure-probability':
    case 'limit-probability':
      return 'probability';
    default:
      return typeOf({ kind } as Condition) === 'truth' ? 'truth' : 'number';
  }
}

/** Days are bad below a threshold, probabilities and truths above; of other numbers the thresholds say it. */
export function directionOf(condition: Condition, set: number, reset: number): Direction {
  const unit = unitOf(condition);
  return unit === 'days' || (unit === 'number' && set < reset) ? 'below' : 'above';
}

/** The condition and all that it is made of, itself first. */
export function* partsOf(condition: Condition): Generator<Condition> {
  yield condition;
  if ('of' in condition) yield* partsOf(condition.of);
  if ('left' in condition) {
    yield* partsOf(condition.left);
    yield* partsOf(condition.right);
  }
}

/** What forecasts the condition speaks of; none: all. Several: no forecast is of all of them. */
export function curveKindsOf(condition: Condition): readonly CurveKind[] {
  const kinds = new Set<CurveKind>();
  for (const { kind } of partsOf(condition))
    if (kind === 'failure-probability' || kind === 'expected-day') kinds.add('failure');
    else if (kind === 'limit-probability' || kind === 'limit-day') kinds.add('health-limit');
  return [...kinds];
}

export function curveKindOf(condition: Condition): CurveKind | undefined {
  return curveKindsOf(condition)[0];
}

/** What `change(...)` is of, in the order of the text: what is remembered of the origin before. */
export function changesIn(condition: Condition): readonly Condition[] {
  return [...partsOf(condition)].flatMap((part) => (part.kind === 'change' ? [part.of] : []));
}

export const dayMs = 86_400_000;

/** What the condition asks of sensors. Caller: `overMs` is a whole number of steps. */
export function measuresIn(condition: Condition, stepMs: number): readonly Measure[] {
  return [...partsOf(condition)].flatMap((part) =>
    part.kind === 'value' || part.kind === 'drift' ? [measureOf(part, stepMs)] : [],
  );
}

function measureOf(part: Extract<Condition, { kind: 'value' | 'drift' }>, stepMs: number): Measure {
  const { feature } = part;
  return part.kind === 'value'
    ? { kind: 'value', feature }
    : { kind: 'drift', feature, steps: part.overMs / stepMs };
}

/** Against what a forecast is measured. */
export interface Context {
  readonly stepMs: number;
  /** Of the origin before: what each of `changesIn` was; NaN where it is not known. */
  readonly before: (of: Condition) => number;
}

/**
 * The number of a condition, 1 or 0 of a truth. Infinity: a day beyond the horizon. NaN: it cannot be told (a change without a
 * before, 0/0); comparisons with it are false. Caller: `withinMs` is a whole number of steps within the horizon, the forecast is
 * of what the condition speaks of.
 */
export function evaluate(condition: Condition, forecast: ForecastRecord, context: Context): number {
  switch (condition.kind) {
    case 'failure-probability':
    case 'limit-probability':
      return probabilityWithin(forecast, condition.withinMs / context.stepMs) ?? Number.NaN;
    case 'expected-day':
    case 'limit-day': {
      const steps = expectedDay(forecast.probabilities);
      return steps === null ? Number.POSITIVE_INFINITY : (steps * context.stepMs) / dayMs;
    }
    case 'coverage':
      return forecast.coverage;
    case 'silent-sensors':
      return forecast.silentSensors.length;
    case 'silent':
      return Number(forecast.silentSensors.includes(condition.sensor));
    case 'stuck-sensors':
      return forecast.stuckSensors?.length ?? 0;
    case 'stuck':
      return Number(forecast.stuckSensors?.includes(condition.sensor) ?? false);
    case 'health-index':
      return forecast.values?.healthIndex ?? Number.NaN;
    case 'age':
      return forecast.stepIndex + 1;
    case 'value':
    case 'drift':
      return forecast.measured?.[measureKey(measureOf(condition, context.stepMs))] ?? Number.NaN;
    case 'status':
      return Number(hasStatus(forecast, condition.status));
    case 'change':
      return evaluate(condition.of, forecast, context) - context.before(condition.of);
    case 'number':
      return condition.value;
    case 'not':
      return 1 - evaluate(condition.of, forecast, context);
    case 'and':
      return evaluate(condition.left, forecast, context) && evaluate(condition.right, forecast, context);
    case 'or':
      return evaluate(condition.left, forecast, context) || evaluate(condition.right, forecast, context);
    case 'compare':
      return Number(
        compare(
          condition.operator,
          evaluate(condition.left, forecast, context),
          evaluate(condition.right, forecast, context),
        ),
      );
    case 'arithmetic':
      return calculate(
        condition.operator,
        evaluate(condition.left, forecast, context),
        evaluate(condition.right, forecast, context),
      );
  }
}

function hasStatus(
  { status, probabilities, rung }: ForecastRecord,
  wanted: Extract<Condition, { kind: 'status' }>['status'],
): boolean {
  if (wanted === 'not-assessable') return probabilities.length === 0;
  if (wanted === 'fallback') return status === 'fallback' || rung !== undefined;
  return wanted === 'final' ? status !== 'provisional' : status === wanted;
}

function compare(
  operator: Extract<Condition, { kind: 'compare' }>['operator'],
  a: number,
  b: number,
): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return false;
  switch (operator) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case '==':
      return a === b;
    case '!=':
      return a !== b;
  }
}

function calculate(
  operator: Extract<Condition, { kind: 'arithmetic' }>['operator'],
  a: number,
  b: number,
): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
  }
}

/** Whether the forecast is of what a condition of this curve kind speaks of. */
export function speaksOf(kind: CurveKind | undefined, forecast: ForecastRecord): boolean {
  return kind === undefined || curveOf(forecast) === kind;
}

const strength: Readonly<Partial<Record<Condition['kind'], number>>> = { or: 1, and: 2, not: 3, compare: 4 };

function strengthOf(condition: Condition): number {
  if (condition.kind === 'arithmetic') return '+-'.includes(condition.operator) ? 5 : 6;
  return strength[condition.kind] ?? 7;
}

/** The condition as it is written: `failure_probability(14d)`, with no more brackets than it needs. */
export function conditionText(condition: Condition): string {
  const inside = (part: Condition, least: number): string =>
    strengthOf(part) < least ? `(${conditionText(part)})` : conditionText(part);
  switch (condition.kind) {
    case 'failure-probability':
      return `failure_probability(${durationText(condition.withinMs)})`;
    case 'limit-probability':
      return `limit_probability(${durationText(condition.withinMs)})`;
    case 'silent':
    case 'stuck':
      return `${condition.kind}("${condition.sensor}")`;
    case 'value':
      return `value("${condition.feature}")`;
    case 'drift':
      return `drift("${condition.feature}", ${durationText(condition.overMs)})`;
    case 'status':
      return `${condition.status.replace('-', '_')}()`;
    case 'change':
      return `change(${conditionText(condition.of)})`;
    case 'number':
      return String(condition.value);
    case 'not':
      return `not ${inside(condition.of, 3)}`;
    case 'and':
    case 'or':
    case 'compare':
    case 'arithmetic': {
      const own = strengthOf(condition);
      const word = 'operator' in condition ? condition.operator : condition.kind;
      return `${inside(condition.left, own)} ${word} ${inside(condition.right, own + 1)}`;
    }
    default:
      return `${condition.kind.replace('-', '_')}()`;
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
    case 'value':
      return condition.feature;
    case 'drift':
      return `drift of ${condition.feature} over ${durationWords(condition.overMs)}`;
    default:
      return conditionText(condition);
  }
}

/** `0.71`; days with at most one decimal; a truth; four digits of other numbers; `none` without a value. */
export function valueWords(condition: Condition, value: number | null): string {
  if (value === null) return 'none';
  switch (unitOf(condition)) {
    case 'probability':
      return value.toFixed(2);
    case 'days':
      return String(Math.round(value * 10) / 10);
    case 'truth':
      return value === 1 ? 'holds' : 'does not hold';
    case 'number':
      return String(Number(value.toPrecision(4)));
  }
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
