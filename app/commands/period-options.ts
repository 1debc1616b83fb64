/** `--from` and `--to`: days of the plant's calendar. */
import { UserError } from '../../domain/errors.js';
import { type MachineType, timeZoneOf } from '../../domain/machine-type.js';
import { calendarDay } from '../calendar-periods.js';
import type { Period } from '../forecaster-records.js';

/** From the start of the one to the end of the other; without them, all times. */
export function periodOf(
  { from, to }: { readonly from?: string; readonly to?: string },
  type: MachineType,
): Period {
  const fromMs = from === undefined ? Number.NEGATIVE_INFINITY : dayOf('--from', from, type).fromMs;
  const toMs = to === undefined ? Number.POSITIVE_INFINITY : dayOf('--to', to, type).toMs;
  if (fromMs > toMs) throw new UserError(`--from ${from} lies after --to ${to}`);
  return { fromMs, toMs };
}

function dayOf(option: string, text: string, type: MachineType): Period {
  const day = calendarDay(text, timeZoneOf(type));
  if (day) return day;
  throw new UserError(`${option} ${text} is no day: write one such as 2026-03-01`);
}
