/** Where a step lies in the week, the year or the day of the plant, as a point on a circle: its last day is next to its first. */
import { Temporal } from 'temporal-polyfill';
import type { CalendarName, MachineType } from '../domain/machine-type.js';

/** Two features each: the sine and the cosine of the share of the period that has passed when the step begins. */
export function calendarFeatureNames({ calendar }: MachineType): string[] {
  return calendar.flatMap((name) => [`calendar.${name}.sin`, `calendar.${name}.cos`]);
}

/** Their values for a step that begins at `startMs`; the same array until another time is asked for. */
export function makeCalendarFeatures({
  calendar,
  step,
}: MachineType): (startMs: number) => readonly number[] {
  const timeZone = step.kind === 'calendar-day' ? step.timeZone : 'UTC';
  let lastMs: number | undefined;
  let last: readonly number[] = [];
  return (startMs) => {
    // The steps of a whole fleet begin at the same time.
    if (startMs !== lastMs) {
      const time = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO(timeZone);
      last = calendar.flatMap((name) => {
        const angle = 2 * Math.PI * passed(name, time);
        return [Math.sin(angle), Math.cos(angle)];
      });
      lastMs = startMs;
    }
    return last;
  };
}

/** Share of the period, in [0, 1). */
function passed(name: CalendarName, time: Temporal.ZonedDateTime): number {
  switch (name) {
    case 'day-of-week':
      return (time.dayOfWeek - 1) / 7;
    case 'day-of-year':
      return (time.dayOfYear - 1) / time.daysInYear;
    case 'time-of-day':
      return (time.hour + time.minute / 60) / 24;
  }
}
