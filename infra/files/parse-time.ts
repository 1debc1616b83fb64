/** Times as files write them. The form is declared, never guessed. */
import { Temporal } from 'temporal-polyfill';

export const timeFormats = ['iso', 's', 'ms', 'us', 'ns'] as const;
export type TimeFormat = (typeof timeFormats)[number];

/** 2015-01-03, 2015-01-03 07:00, 2015-01-03T07:00:00.250Z, ...+02:00 */
const iso =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * Milliseconds since the epoch, or undefined for what is not a time of the declared form. An ISO time without an offset
 * is local to `timeZone`; one that the zone's clock skips or repeats is taken as RFC 5545 does (the offset before the
 * change).
 */
export function parseTimeMs(text: string, format: TimeFormat, timeZone: string): number | undefined {
  if (format !== 'iso') {
    if (text.trim() === '') return undefined;
    const value = Number(text);
    if (!Number.isFinite(value)) return undefined;
    const ms =
      format === 's' ? value * 1000 : format === 'ms' ? value : format === 'us' ? value / 1e3 : value / 1e6;
    return Math.round(ms);
  }
  const match = iso.exec(text.trim());
  if (!match) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day] = [part(1), part(2), part(3)];
  const [hour, minute, second] = [part(4), part(5), part(6)];
  const ms = Math.floor(Number(`0.${match[7] ?? '0'}`) * 1000);
  const utcMs = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  const check = new Date(utcMs);
  if (
    check.getUTCMonth() !== month - 1 ||
    check.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    return undefined;
  const zone = match[8];
  if (zone === 'Z' || (zone === undefined && timeZone === 'UTC')) return utcMs;
  if (zone !== undefined) {
    const sign = zone.startsWith('-') ? -1 : 1;
    const digits = zone.slice(1).replace(':', '');
    return utcMs - sign * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * 60_000;
  }
  return Temporal.PlainDateTime.from({
    year,
    month,
    day,
    hour,
    minute,
    second,
    millisecond: ms,
  }).toZonedDateTime(timeZone).epochMilliseconds;
}
