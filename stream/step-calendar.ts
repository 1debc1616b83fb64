/**
 * Where steps begin and end: at the midnights of a time zone, or at multiples of a fixed duration. Steps are
 * `[startMs, endMs)`, follow one another without gap, and `endMs` of one is `startMs` of the next.
 */
import { Temporal } from 'temporal-polyfill';
import type { MachineType } from '../domain/machine-type.js';

export interface Step {
  readonly startMs: number;
  readonly endMs: number;
}

export interface StepCalendar {
  /** The step that contains the time. */
  stepAt(timeMs: number): Step;
  /** Length of an ordinary step: 24 hours for a calendar day, whatever the clocks do. */
  readonly nominalMs: number;
}

const dayMs = 86_400_000;
/** Steps remembered: those around the watermark, which nearly every question is about. */
const rememberedSteps = 8;

export function makeStepCalendar(step: MachineType['step']): StepCalendar {
  return step.kind === 'fixed' ? new FixedCalendar(step.durationMs) : new DayCalendar(step.timeZone);
}

/** Steps from `from` (a step's start) forward to the one that contains `timeMs`; 0 when it is the same step. */
export function countSteps(calendar: StepCalendar, fromMs: number, timeMs: number): number {
  let count = 0;
  for (let { endMs } = calendar.stepAt(fromMs); endMs <= timeMs; endMs = calendar.stepAt(endMs).endMs)
    count++;
  return count;
}

/** Aligned to the Unix epoch. */
class FixedCalendar implements StepCalendar {
  readonly nominalMs: number;

  constructor(durationMs: number) {
    this.nominalMs = durationMs;
  }

  stepAt(timeMs: number): Step {
    const startMs = Math.floor(timeMs / this.nominalMs) * this.nominalMs;
    return { startMs, endMs: startMs + this.nominalMs };
  }
}

/**
 * Days of an IANA zone: 23 or 25 hours long when clocks change. A day whose midnight does not exist begins at its
 * first instant; a date that a zone skipped (Samoa, 30 December 2011) has no step.
 */
class DayCalendar implements StepCalendar {
  readonly nominalMs = dayMs;
  readonly #timeZone: string;
  readonly #recent: Step[] = [];
  #nextSlot = 0;

  constructor(timeZone: string) {
    this.#timeZone = timeZone;
  }

  stepAt(timeMs: number): Step {
    for (const step of this.#recent) if (timeMs >= step.startMs && timeMs < step.endMs) return step;
    const step = this.#find(timeMs);
    this.#recent[this.#nextSlot] = step;
    this.#nextSlot = (this.#nextSlot + 1) % rememberedSteps;
    return step;
  }

  #find(timeMs: number): Step {
    let date = Temporal.Instant.fromEpochMilliseconds(timeMs)
      .toZonedDateTimeISO(this.#timeZone)
      .toPlainDate();
    let startMs = this.#startOf(date);
    for (;;) {
      date = date.add({ days: 1 });
      const endMs = this.#startOf(date);
      // Clocks set back across midnight give a date a second time after the next has begun (St. John's until
      // 2011, 00:01 to 23:01): that time belongs to the later date, so that steps follow one another.
      if (timeMs < endMs) return { startMs, endMs };
      startMs = endMs;
    }
  }

  #startOf(date: Temporal.PlainDate): number {
    return date.toZonedDateTime(this.#timeZone).epochMilliseconds;
  }
}
