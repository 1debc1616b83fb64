import type { EventRecord } from '../domain/input.js';
import type { Observation } from './observation.js';
import type { ReplayResult } from './replay.js';

/** A failure known from elsewhere, after the record that was replayed (the RUL file of C-MAPSS). */
export interface LaterFailure {
  readonly machine: string;
  readonly failureMs: number;
}

/**
 * What a replayed record tells of each machine that was forecast or failed in it. A machine is watched from its first
 * origin to its last one, or to a failure after that; it is known to run up to then. It was under observation until
 * it was retired, or until `observedUntilMs`: the end of the data set for those that failed before (Infinity where
 * every machine is followed to its failure), the end of its own record for those that did not.
 */
export function observeReplay(
  { forecasts, events }: Pick<ReplayResult, 'forecasts' | 'events'>,
  truth: { readonly observedUntilMs: number; readonly laterFailures: readonly LaterFailure[] },
): Observation[] {
  const seen = new Map<string, { fromMs: number; lastMs: number }>();
  const see = (machine: string, timeMs: number) => {
    const span = seen.get(machine);
    if (!span) seen.set(machine, { fromMs: timeMs, lastMs: timeMs });
    else {
      span.fromMs = Math.min(span.fromMs, timeMs);
      span.lastMs = Math.max(span.lastMs, timeMs);
    }
  };
  for (const { machine, originMs } of forecasts) see(machine, originMs);
  const failures = timesByMachine(events, 'failure');
  const retirements = timesByMachine(events, 'retired');
  for (const [machine, timesMs] of failures) for (const timeMs of timesMs) see(machine, timeMs);
  return [...seen].map(([machine, { fromMs, lastMs }]) => {
    const failuresMs = [...(failures.get(machine) ?? [])];
    for (const later of truth.laterFailures) if (later.machine === machine) failuresMs.push(later.failureMs);
    failuresMs.sort((a, b) => a - b);
    const recordEndMs = Math.max(lastMs, failuresMs.at(-1) ?? lastMs);
    const endedByFailure = failuresMs.at(-1) === recordEndMs;
    const retiredMs = retirements.get(machine)?.find((timeMs) => timeMs >= recordEndMs);
    const observedUntilMs = Math.max(recordEndMs, retiredMs ?? (endedByFailure ? truth.observedUntilMs : 0));
    return { machine, fromMs, watchedUntilMs: lastMs, failuresMs, recordEndMs, observedUntilMs };
  });
}

/** Times of one kind of event per machine, ascending, each once however often it was reported. */
function timesByMachine(
  events: readonly EventRecord[],
  kind: EventRecord['event'],
): Map<string, readonly number[]> {
  const byMachine = new Map<string, Set<number>>();
  for (const { event, machine, eventTimeMs } of events) {
    if (event !== kind) continue;
    const own = byMachine.get(machine);
    if (own) own.add(eventTimeMs);
    else byMachine.set(machine, new Set([eventTimeMs]));
  }
  return new Map([...byMachine].map(([machine, times]) => [machine, [...times].sort((a, b) => a - b)]));
}
