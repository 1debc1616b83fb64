/** A batch of records as lines, curves included. */
import type { ForecastRecord } from '../../domain/forecast.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { StoreBatch } from '../../domain/store.js';
import { makeStepCalendar, type StepCalendar } from '../../stream/step-calendar.js';
import { isNewerForecast } from '../memory/store-rules.js';
import type { InfluxConfig } from './config.js';
import { alertPoint, curvePoints, eventPoint, forecastPoint, stepPoint } from './points.js';

/** Asking a calendar takes longer than writing a point. */
const recentMax = 256;

/** Ends of the steps after an origin, by machine type; of a type that is not known: days. */
export class StepEnds {
  readonly #types: ReadonlyMap<string, MachineType>;
  readonly #calendars = new Map<string, StepCalendar>();
  /** The newest answers, by what was asked: machines of a type share their origins. */
  readonly #recent = new Map<string, readonly number[]>();

  constructor(types: ReadonlyMap<string, MachineType>) {
    this.#types = types;
  }

  after({ type, originMs, probabilities }: ForecastRecord): readonly number[] {
    const { length } = probabilities;
    const question = `${originMs} ${length} ${type}`;
    const known = this.#recent.get(question);
    if (known) return known;
    const calendar = this.#calendarOf(type);
    const ends: number[] = [];
    let endMs = originMs;
    while (ends.length < length) {
      endMs = calendar.stepAt(endMs).endMs;
      ends.push(endMs);
    }
    if (this.#recent.size >= recentMax) this.#recent.clear();
    this.#recent.set(question, ends);
    return ends;
  }

  #calendarOf(type: string): StepCalendar {
    const known = this.#calendars.get(type);
    if (known) return known;
    const step = this.#types.get(type)?.step ?? { kind: 'calendar-day', timeZone: 'UTC' };
    const calendar = makeStepCalendar(step);
    this.#calendars.set(type, calendar);
    return calendar;
  }
}

export function encodeBatch(
  batch: StoreBatch,
  parts: {
    readonly types: ReadonlyMap<string, MachineType>;
    readonly sensorFields: InfluxConfig['sensorFields'];
    readonly ends: StepEnds;
    /** The newest forecast that is stored. */
    readonly newest: (machine: string) => ForecastRecord | undefined;
  },
): string[] {
  const { types, sensorFields } = parts;
  return [
    ...batch.forecasts.map(forecastPoint),
    ...curves(batch.forecasts, parts),
    ...batch.alerts.map(alertPoint),
    ...batch.events.map(eventPoint),
    ...batch.steps.map((step) => stepPoint(step, types.get(step.type), sensorFields)),
  ].filter((line) => line !== undefined);
}

/**
 * A point per machine and day: what the newest forecast that speaks of the day says. Older ones, which late data
 * revises or a restart brings again, give only the days before the newer ones begin.
 */
function curves(
  forecasts: readonly ForecastRecord[],
  parts: { readonly ends: StepEnds; readonly newest: (machine: string) => ForecastRecord | undefined },
): string[] {
  const byMachine = new Map<string, ForecastRecord[]>();
  for (const forecast of forecasts) {
    if (forecast.probabilities.length === 0) continue;
    const beside = byMachine.get(forecast.machine);
    if (beside) beside.push(forecast);
    else byMachine.set(forecast.machine, [forecast]);
  }
  const lines: string[] = [];
  for (const [machine, own] of byMachine) {
    own.sort((a, b) => (isNewerForecast(a, b) ? -1 : 1));
    const stored = parts.newest(machine);
    let beforeMs = Infinity;
    for (const forecast of own) {
      const ends = parts.ends.after(forecast);
      if (stored && stored.originMs > forecast.originMs)
        beforeMs = Math.min(beforeMs, parts.ends.after(stored)[0] ?? Infinity);
      lines.push(...curvePoints(forecast, ends, beforeMs));
      beforeMs = Math.min(beforeMs, ends[0] as number);
    }
  }
  return lines;
}
