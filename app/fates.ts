/** What a source tells of the fate of its machines, and which forecasts and alerts can be judged by it. */
import type { Observation, Steps } from '../backtest/observation.js';
import { observeReplay } from '../backtest/observe-replay.js';
import type { ReplayResult } from '../backtest/replay.js';
import type { MachineRecord } from '../domain/dataset.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { StepCalendar } from '../stream/step-calendar.js';
import type { Period } from './forecaster-records.js';

export function isWithin(timeMs: number, { fromMs, toMs }: Period): boolean {
  return timeMs >= fromMs && timeMs <= toMs;
}

/** The part of a watch that lies in the period, if any; what became of the machine is known all the same. */
export function watchedWithin(observation: Observation, { fromMs, toMs }: Period): Observation[] {
  const from = Math.max(observation.fromMs, fromMs);
  const until = Math.min(observation.watchedUntilMs, toMs);
  return from > until ? [] : [{ ...observation, fromMs: from, watchedUntilMs: until }];
}

interface Judgeable {
  readonly result: Pick<ReplayResult, 'forecasts' | 'alerts'>;
  readonly observations: readonly Observation[];
}

/** Of files the machines are known by name; each is judged as long as its record goes. */
export function judgeableDataset(
  { forecasts, alerts }: ReplayResult,
  machines: readonly MachineRecord[],
  calendar: StepCalendar,
): Judgeable {
  const known = new Set(machines.map(({ machine }) => machine));
  return {
    result: {
      forecasts: withinRecords(forecasts, machines, calendar),
      alerts: alerts.filter(({ machine }) => known.has(machine)),
    },
    observations: machines.map((machine) => observe(machine, calendar)),
  };
}

/** A log ends now: of a machine that runs, nothing is known beyond its last step. */
export function judgeableLog(
  replayed: Pick<ReplayResult, 'forecasts' | 'alerts' | 'spans' | 'events'>,
  isJudged: (about: { readonly machine: string }) => boolean,
): Judgeable {
  const endMs = Math.max(...replayed.spans.map(({ untilMs }) => untilMs));
  const observations = observeReplay(replayed, { observedUntilMs: endMs, laterFailures: [] }).filter(
    isJudged,
  );
  const lastMs = new Map(observations.map(({ machine, watchedUntilMs }) => [machine, watchedUntilMs]));
  return {
    result: {
      forecasts: replayed.forecasts.filter(
        ({ machine, originMs }) => originMs <= (lastMs.get(machine) ?? Number.NEGATIVE_INFINITY),
      ),
      alerts: replayed.alerts.filter(({ machine }) => lastMs.has(machine)),
    },
    observations,
  };
}

/** Steps are remembered from each origin on: a fleet shares its origins, and a calendar takes time to ask. */
export function stepsOf(calendar: StepCalendar): Steps {
  const endsFrom = new Map<number, number[]>();
  return {
    nominalMs: calendar.nominalMs,
    count: (originMs, timeMs) => {
      let ends = endsFrom.get(originMs);
      if (!ends) {
        ends = [calendar.stepAt(originMs).endMs];
        endsFrom.set(originMs, ends);
      }
      for (let last = ends.at(-1) as number; last <= timeMs; last = ends.at(-1) as number)
        ends.push(calendar.stepAt(last).endMs);
      return ends.findIndex((endMs) => endMs > timeMs);
    },
  };
}

/**
 * What the files tell of a machine's fate. It is watched to the end of the step of its last reading: the forecast that
 * knows this reading is issued there. One whose record ends with its failure is watched up to that.
 */
export function observe(
  { machine, firstMs, lastMs, knownUntilMs, failuresMs }: MachineRecord,
  calendar: StepCalendar,
): Observation {
  const recordEndMs = Math.max(lastMs, ...failuresMs);
  return {
    machine,
    fromMs: firstMs,
    watchedUntilMs: failuresMs.includes(lastMs) ? lastMs : calendar.stepAt(lastMs).endMs,
    failuresMs,
    recordEndMs,
    // Files whose machines run to failure end with them: had they run on, it would have been seen.
    observedUntilMs:
      failuresMs.at(-1) === recordEndMs ? Number.POSITIVE_INFINITY : Math.max(knownUntilMs, recordEndMs),
  };
}

/** Without the forecasts issued after a machine's record had ended: there its silence is the file's, not its own. */
export function withinRecords(
  forecasts: readonly ForecastRecord[],
  machines: readonly MachineRecord[],
  calendar: StepCalendar,
): ForecastRecord[] {
  const lastOriginMs = new Map(
    machines.map(({ machine, lastMs }) => [machine, calendar.stepAt(lastMs).endMs]),
  );
  return forecasts.filter(
    ({ machine, originMs }) => originMs <= (lastOriginMs.get(machine) ?? Number.NEGATIVE_INFINITY),
  );
}
