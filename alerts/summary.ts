/**
 * The sentence that an alert record carries, for people: what the rule's template says while it fires, and what
 * happened otherwise. Whoever prints an alert prints this.
 */
import { type Condition, conditionWords, durationWords, unitOf, valueWords } from './condition.js';

/** Nothing that passes a limit is said to fail, and of an expression no more than that it is met. */
export function defaultSummaryOf(condition: Condition): string {
  switch (condition.kind) {
    case 'failure-probability':
    case 'expected-day':
      return '{machine} is likely to fail: {condition} {value}, {expected}. {Severity} since {since}.';
    case 'limit-probability':
    case 'limit-day':
      return '{machine} departs from what is expected of it: {condition} {value}, limit {expected}. {Severity} since {since}. No failure is forecast.';
    default:
      return unitOf(condition) === 'truth'
        ? '{machine}: {condition}. {Severity} since {since}.'
        : '{machine}: {condition} is {value}. {Severity} since {since}.';
  }
}

/** Words that a template may hold in braces, besides `{labels.NAME}`. */
export const placeholders = [
  'machine',
  'type',
  'site',
  'line',
  'rule',
  'condition',
  'value',
  'expected',
  'severity',
  'Severity',
  'since',
] as const;
type Placeholder = (typeof placeholders)[number];

const hole = /\{([^{}]*)\}/g;

/** The first thing wrong with a template, with its column from 1; undefined when it is good. */
export function checkTemplate(
  template: string,
  labels: Readonly<Record<string, string>>,
): { readonly column: number; readonly message: string } | undefined {
  for (const match of template.matchAll(hole)) {
    const name = match[1] as string;
    const label = name.startsWith('labels.') ? name.slice('labels.'.length) : undefined;
    if (label !== undefined ? Object.hasOwn(labels, label) : isPlaceholder(name)) continue;
    const message =
      label !== undefined
        ? `{${name}}: the rule has no label "${label}"`
        : `{${name}} is not known; write one of ${placeholders.map((known) => `{${known}}`).join(' ')} {labels.NAME}`;
    return { column: match.index + 1, message };
  }
  return undefined;
}

function isPlaceholder(name: string): name is Placeholder {
  return (placeholders as readonly string[]).includes(name);
}

/** What a sentence can speak of. */
export interface Facts {
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  readonly rule: string;
  readonly condition: Condition;
  readonly value: number | null;
  /** Steps until failure is more likely than not; null: not within the horizon. */
  readonly expectedSteps: number | null;
  readonly stepMs: number;
  readonly horizonSteps: number;
  readonly severity: string;
  /** Date on which the severity began. */
  readonly since: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function fillTemplate(template: string, facts: Facts): string {
  return template.replace(hole, (_, name: string) => {
    if (name.startsWith('labels.')) return facts.labels[name.slice('labels.'.length)] ?? '';
    switch (name as Placeholder) {
      case 'condition':
        return conditionWords(facts.condition);
      case 'value':
        return valueWords(facts.condition, facts.value);
      case 'expected':
        return facts.expectedSteps === null
          ? `not expected within ${durationWords(facts.horizonSteps * facts.stepMs)}`
          : `expected in ${durationWords(facts.expectedSteps * facts.stepMs)}`;
      case 'Severity':
        return capitalised(facts.severity);
      case 'machine':
      case 'type':
      case 'site':
      case 'line':
      case 'rule':
      case 'severity':
      case 'since':
        return facts[name as 'machine'];
    }
  });
}

export function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/**
 * Writes a moment as the plant's people would: a date where steps are whole days, else with hours and minutes.
 * `timeZone` is an IANA name; steps of fixed length have none and are written in UTC.
 */
export function makeDateFormat(timeZone: string | undefined, stepMs: number): (timeMs: number) => string {
  const daily = stepMs % 86_400_000 === 0;
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: timeZone ?? 'UTC',
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const write = (timeMs: number): string => {
    const parts = new Map(format.formatToParts(timeMs).map((part) => [part.type, part.value]));
    const date = `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`;
    if (daily) return date;
    return `${date} ${parts.get('hour')}:${parts.get('minute')}${timeZone === undefined ? ' UTC' : ''}`;
  };
  // A calendar takes its time, and the machines of a fleet share their moments.
  let newest = { timeMs: Number.NaN, text: '' };
  return (timeMs) => {
    if (timeMs !== newest.timeMs) newest = { timeMs, text: write(timeMs) };
    return newest.text;
  };
}
