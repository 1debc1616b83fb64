/** Days, weeks and months of a time zone. */
import { Temporal } from 'temporal-polyfill';
import type { Period } from './forecaster-records.js';

export const periodLengths = ['month', 'week'] as const;
export type PeriodLength = (typeof periodLengths)[number];

export interface CalendarPeriod extends Period {
  /** `2026-03`; of a week its Monday, `2026-03-02`. */
  readonly name: string;
}

/** A day written as 2026-03-01; undefined: it is none. */
export function calendarDay(text: string, timeZone: string): Period | undefined {
  let date: Temporal.PlainDate;
  try {
    date = Temporal.PlainDate.from(text, { overflow: 'reject' });
  } catch {
    return undefined;
  }
  return { fromMs: startOf(date, timeZone), toMs: startOf(date.add({ days: 1 }), timeZone) - 1 };
}

/** Those that hold the times from `fromMs` to `toMs`, in their order, whole: the first may begin before, the last end after. */
export function calendarPeriods(
  { fromMs, toMs }: Period,
  length: PeriodLength,
  timeZone: string,
): CalendarPeriod[] {
  const periods: CalendarPeriod[] = [];
  const first = Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(timeZone).toPlainDate();
  let date = length === 'month' ? first.with({ day: 1 }) : first.subtract({ days: first.dayOfWeek - 1 });
  while (startOf(date, timeZone) <= toMs) {
    const next = date.add(length === 'month' ? { months: 1 } : { weeks: 1 });
    const name = length === 'month' ? date.toString().slice(0, 7) : date.toString();
    periods.push({ name, fromMs: startOf(date, timeZone), toMs: startOf(next, timeZone) - 1 });
    date = next;
  }
  return periods;
}

function startOf(date: Temporal.PlainDate, timeZone: string): number {
  return date.toZonedDateTime(timeZone).epochMilliseconds;
}
