/** Times of the week and of the year on the clock of a place, as Alertmanager's time intervals. */
import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import { nameSchema } from '../domain/machine-type.js';

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** Both ends belong to it. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** `"monday:friday"`, `"1:5"`, `"-1"`, `"december"`. */
function spanSchema(what: string, read: (word: string) => number | undefined) {
  return z.string().transform((text, context): Span => {
    const [from, to = from] = text.split(':').map((word) => read(word.trim().toLowerCase()));
    if (from !== undefined && to !== undefined && text.split(':').length <= 2) {
      if (from <= to || from * to < 0) return { from, to };
      context.addIssue({ code: 'custom', message: `"${text}" ends before it begins; write two` });
    } else context.addIssue({ code: 'custom', message: `"${text}" is no ${what}` });
    return z.NEVER;
  });
}

const indexIn =
  (names: readonly string[]) =>
  (word: string): number | undefined =>
    names.includes(word) ? names.indexOf(word) + 1 : undefined;

const numberIn =
  (lowest: number, highest: number) =>
  (word: string): number | undefined => {
    const value = Number(word);
    return /^-?\d+$/.test(word) && value !== 0 && value >= lowest && value <= highest ? value : undefined;
  };

/** Minutes after midnight. */
const clockTime = z.string().transform((text, context): number => {
  const [, hours, minutes] = /^(\d\d):(\d\d)$/.exec(text) ?? [];
  const time = Number(hours) * 60 + Number(minutes);
  if (hours !== undefined && Number(minutes) < 60 && time <= 24 * 60) return time;
  context.addIssue({ code: 'custom', message: `"${text}" is no time of day; write one from 00:00 to 24:00` });
  return z.NEVER;
});

const intervalSchema = z.strictObject({
  times: z
    .array(
      z
        .strictObject({
          start: clockTime.describe('Such as "08:00".'),
          end: clockTime.describe('Does not belong to it; "24:00" is the end of the day.'),
        })
        .refine(({ start, end }) => start < end, 'ends before it begins; write two, one up to 24:00'),
    )
    .min(1)
    .optional()
    .describe('Times of day on the clock of `timeZone`. Default: all day.'),
  weekdays: z
    .array(spanSchema('day of the week; write one such as monday or monday:friday', indexIn(weekdays)))
    .min(1)
    .optional()
    .describe('Such as [monday:friday, sunday]. Default: all.'),
  daysOfMonth: z
    .array(spanSchema('day of a month; write one such as 1, 1:5 or -1, the last', numberIn(-31, 31)))
    .min(1)
    .optional()
    .describe('Such as ["1:5", "-1"]; below zero they count from the end of the month. Default: all.'),
  months: z
    .array(
      spanSchema(
        'month; write one such as may:august or 12',
        (word) => indexIn(months)(word) ?? numberIn(1, 12)(word),
      ),
    )
    .min(1)
    .optional()
    .describe('Such as [may:august, december]. Default: all.'),
  years: z
    .array(spanSchema('year; write one such as 2027 or 2027:2028', numberIn(1970, 9999)))
    .min(1)
    .optional()
    .describe('Default: all.'),
});

export const timeIntervalSchema = z.strictObject({
  name: nameSchema.describe('Name for `muteTimes`, `activeTimes` and `maintenanceWindows`.'),
  timeZone: z
    .string()
    .refine((name) => {
      try {
        return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
      } catch {
        return false;
      }
    }, 'is no time zone; write one such as Europe/Berlin')
    .optional()
    .describe('Default: that of the first machine type.'),
  intervals: z
    .array(intervalSchema)
    .min(1)
    .describe('It is in the interval when it is in one of these, and in one of these in all that it names.'),
});
export type TimeIntervalConfig = z.output<typeof timeIntervalSchema>;

/** Whether the moment lies in it, by the clock on the wall: an hour that a clock change repeats lies in it twice. */
export function liesIn({ intervals }: TimeIntervalConfig, timeZone: string, timeMs: number): boolean {
  const local = Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(timeZone);
  const minutes = local.hour * 60 + local.minute;
  const has = (spans: readonly Span[] | undefined, value: number): boolean =>
    spans === undefined || spans.some(({ from, to }) => value >= from && value <= to);
  const day = (bound: number): number => (bound < 0 ? local.daysInMonth + 1 + bound : bound);
  return intervals.some(
    (one) =>
      (one.times === undefined || one.times.some(({ start, end }) => minutes >= start && minutes < end)) &&
      has(one.weekdays, local.dayOfWeek) &&
      has(
        one.daysOfMonth?.map(({ from, to }) => ({ from: day(from), to: day(to) })),
        local.day,
      ) &&
      has(one.months, local.month) &&
      has(one.years, local.year),
  );
}
