/** Numbers and times in words. Times are plant time in the plant's zone unless a name says otherwise. */
import type { CurveKind } from '../domain/forecast.js';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** A probability: `0.714` → `71 %`. A forecast is never nothing and never certain, so neither does it read so. */
export function chance(probability: number): string {
  if (probability < 0.01) return '< 1 %';
  if (probability > 0.99) return '> 99 %';
  return `${Math.round(probability * 100)} %`;
}

/** What the probabilities of a forecast are of, in words: nothing but a failure curve may speak of failures. */
export const curveWords: Readonly<
  Record<CurveKind, { readonly title: string; readonly probability: string; readonly within: string }>
> = {
  failure: {
    title: 'Probability of having failed',
    probability: 'probability of failure',
    within: 'fails within',
  },
  'health-limit': {
    title: 'Probability that the health index has passed its limit',
    probability: 'probability that the health index passes its limit (no forecast of a failure)',
    within: 'passes limit within',
  },
};

/** A share of something counted, or a threshold: `0.976` → `98 %`. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(timeZone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = timeZone + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat('en-GB', { timeZone, ...options });
  formats.set(key, known);
  return known;
}

/** `17 Jul` */
export function dayMonth(timeMs: number, timeZone: string): string {
  return format(timeZone, { day: 'numeric', month: 'short' }).format(timeMs);
}

/** `Fri 12 Jul 2024` */
export function date(timeMs: number, timeZone: string): string {
  return format(timeZone, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })
    .format(timeMs)
    .replace(',', '');
}

/** `12:00` */
export function timeOfDay(timeMs: number, timeZone: string): string {
  return format(timeZone, { hour: '2-digit', minute: '2-digit', hour12: false }).format(timeMs);
}

/** `12 Jul, 12:00` */
export function dateTime(timeMs: number, timeZone: string): string {
  return `${dayMonth(timeMs, timeZone)}, ${timeOfDay(timeMs, timeZone)}`;
}

/** On the clock of the person who looks. */
export function wallTime(timeMs: number): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format(timeMs);
}

/** The one largest unit: `4 d`, `3 h`, `12 min`. */
export function span(durationMs: number): string {
  const days = durationMs / dayMs;
  if (days >= 1) return `${Math.floor(days)} d`;
  const hours = durationMs / hourMs;
  if (hours >= 1) return `${Math.floor(hours)} h`;
  return `${Math.max(0, Math.floor(durationMs / 60_000))} min`;
}

/** Steps ahead in the type's own unit: `7 d`, `7 h`, `7 steps`. */
export function steps(count: number, stepMs: number): string {
  if (stepMs === dayMs) return `${count} d`;
  if (stepMs === hourMs) return `${count} h`;
  return count === 1 ? '1 step' : `${count} steps`;
}

/** What a step of the type is called: `day`, `hour`, `step`. */
export function stepName(stepMs: number): string {
  return stepMs === dayMs ? 'day' : stepMs === hourMs ? 'hour' : 'step';
}

interface StepClock {
  readonly stepMs: number;
  readonly timeZone: string;
}

/** When a step begins or a forecast was issued: a date where steps are whole days, else with the time. */
export function stepTime(timeMs: number, { stepMs, timeZone }: StepClock): string {
  return stepMs % dayMs === 0 ? dayMonth(timeMs, timeZone) : dateTime(timeMs, timeZone);
}

/**
 * When the `count`-th step after the origin is over: the date of its last day, or the time of its end. The middle of a
 * day is surely on it, clock changes or not.
 */
export function stepEnd(originMs: number, count: number, clock: StepClock): string {
  const endMs = originMs + count * clock.stepMs;
  return stepTime(clock.stepMs % dayMs === 0 ? endMs - dayMs / 2 : endMs, clock);
}

export function quantity(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}

export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
