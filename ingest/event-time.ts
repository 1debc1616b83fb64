/** Event times in their declared unit → ms since epoch. A fast check, and a slow one that finds the words. */
import type { RejectReason } from '../domain/input.js';
import type { TimeUnit } from './config.js';
import { show } from './show.js';

/** What a time is checked against; made once per message. */
export interface TimeRule {
  readonly unit: TimeUnit;
  /** Name of the field, for sentences. */
  readonly field: string;
  readonly nowMs: number;
  /** Times before this are not plausible. */
  readonly earliestMs: number;
  /** Earliest and latest time taken. */
  readonly minMs: number;
  readonly maxMs: number;
  /** Times before this are so far from now that the unit is doubted. */
  readonly doubtBeforeMs: number;
  /** Whether the time of arrival stands in for one that is missing. Not for a retained message, of whatever age. */
  readonly arrivalCounts: boolean;
}

/** Before 2000 a machine's clock is not set; histories from before then come with clock messages. */
const wallMinMs = Date.UTC(2000, 0, 1);
/** No sensor of ours will be read after 2300: past that a unit is wrong. */
export const plausibleMaxMs = Date.UTC(2300, 0, 1);
const yearMs = 365.25 * 86_400_000;

const msPer: Readonly<Record<Exclude<TimeUnit, 'iso'>, number>> = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 };
const isoPattern = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** `clockKnown` is false while no clock message has come: nothing is then too old. */
export function makeTimeRule(limits: {
  readonly unit: TimeUnit;
  readonly field: string;
  readonly arrivalMs: number;
  readonly clockKnown: boolean;
  /** Whose time it is; ahead of a clock that messages move, nothing is in the future. */
  readonly clock: 'wall' | 'messages';
  readonly tooOldMs: number | undefined;
  readonly futureToleranceMs: number;
  readonly retained: boolean;
}): TimeRule {
  const { unit, field, arrivalMs, clock, clockKnown, tooOldMs = Infinity, futureToleranceMs } = limits;
  const earliestMs = clock === 'wall' ? wallMinMs : 0;
  return {
    unit,
    field,
    nowMs: arrivalMs,
    earliestMs,
    minMs: clockKnown ? Math.max(earliestMs, arrivalMs - tooOldMs) : earliestMs,
    maxMs: clock === 'wall' ? Math.min(plausibleMaxMs, arrivalMs + futureToleranceMs) : plausibleMaxMs,
    doubtBeforeMs: clockKnown ? arrivalMs - 10 * yearMs : -Infinity,
    arrivalCounts: !limits.retained,
  };
}

/** Whole ms since epoch, or NaN when the time is not taken: `explainTime` then says why. */
export function readTimeMs(raw: unknown, rule: TimeRule): number {
  const timeMs = toMs(raw, rule.unit);
  if (!(timeMs >= rule.minMs && timeMs <= rule.maxMs)) return Number.NaN;
  if (timeMs < rule.doubtBeforeMs && likelyUnit(raw, rule) !== undefined) return Number.NaN;
  return timeMs;
}

/** Why `readTimeMs` gave NaN. */
export function explainTime(
  raw: unknown,
  rule: TimeRule,
): { readonly reason: RejectReason; readonly detail: string } {
  const { field, unit } = rule;
  if (raw === undefined)
    return {
      reason: 'bad-time',
      detail: rule.arrivalCounts
        ? `"${field}" is missing; every element of an array needs its time`
        : `"${field}" is missing, and the message is a retained one of unknown age; publish its time, or do not retain it`,
    };
  if (unit === 'iso' && typeof raw !== 'string')
    return {
      reason: 'bad-time',
      detail: `"${field}" is ${show(raw)}, but times are declared as ISO 8601 text${hint(raw, rule)}`,
    };
  if (unit !== 'iso' && typeof raw !== 'number')
    return {
      reason: 'bad-time',
      detail: `"${field}" is ${show(raw)}, not a number of ${unit}${
        typeof raw === 'string' && isoPattern.test(raw) ? '; if it is ISO 8601, set timeUnit to "iso"' : ''
      }`,
    };
  const timeMs = toMs(raw, unit);
  if (Number.isNaN(timeMs))
    return {
      reason: 'bad-time',
      detail: `"${field}" is ${show(raw)}; write ISO 8601 with an offset, such as 2024-05-01T06:00:00Z`,
    };
  const said = Number.isFinite(timeMs) && Math.abs(timeMs) <= 8.64e15 ? ` (${iso(timeMs)})` : '';
  if (timeMs < rule.earliestMs || timeMs > plausibleMaxMs) {
    const span = `between ${iso(rule.earliestMs).slice(0, 4)} and 2300`;
    return {
      reason: 'bad-time',
      detail: `"${field}" is ${show(raw)}${said}: not ${span} in ${unit}${hint(raw, rule) || "; is the machine's clock set?"}`,
    };
  }
  if (timeMs > rule.maxMs)
    return {
      reason: 'in-the-future',
      detail:
        `"${field}" is ${show(raw)}${said}, ${Math.round((timeMs - rule.nowMs) / 1000)} s after its arrival; ` +
        `set the machine's clock or raise futureToleranceMs${hint(raw, rule)}`,
    };
  const unitHint = hint(raw, rule);
  if (timeMs < rule.doubtBeforeMs && unitHint !== '')
    return {
      reason: 'bad-time',
      detail: `"${field}" is ${show(raw)}${said} in ${unit}, long before its arrival${unitHint}`,
    };
  return {
    reason: 'too-old',
    detail: `"${field}" is ${show(raw)}${said}, older than tooOldMs allows at its arrival (${iso(rule.nowMs)})`,
  };
}

function toMs(raw: unknown, unit: TimeUnit): number {
  if (unit !== 'iso') return typeof raw === 'number' ? Math.round(raw * msPer[unit]) : Number.NaN;
  if (typeof raw !== 'string') return Number.NaN;
  const match = isoPattern.exec(raw);
  if (!match) return Number.NaN;
  // V8 takes 30 February for 1 March.
  const daysInMonth = new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate();
  if (Number(match[3]) > daysInMonth) return Number.NaN;
  return Date.parse(raw.replace(',', '.'));
}

/** The unit that puts the time within a year of now, if one does. */
function likelyUnit(raw: unknown, rule: TimeRule): TimeUnit | undefined {
  if (typeof raw !== 'number') return undefined;
  const units = ['s', 'ms', 'us', 'ns'] as const;
  return units.find((unit) => unit !== rule.unit && Math.abs(raw * msPer[unit] - rule.nowMs) <= yearMs);
}

function hint(raw: unknown, rule: TimeRule): string {
  const unit = likelyUnit(raw, rule);
  return unit === undefined ? '' : `; it looks like ${unit}: set timeUnit to "${unit}"`;
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
