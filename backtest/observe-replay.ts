import type { EventRecord } from '../domain/input.js';
import { ConfirmedRepairs } from '../stream/confirmed-repairs.js';
import type { Observation } from './observation.js';
import type { ReplayResult } from './replay.js';

/** A failure known from elsewhere, after the record that was replayed (the RUL file of C-MAPSS). */
export interface LaterFailure {
  readonly machine: string;
  readonly failureMs: number;
}

/**
 * What a replayed record tells of each machine that spoke in it. A machine is watched from its first step with a
 * reading to its last one, or to the failure in or after that which ended it: of one that fell silent for good nothing
 * is known from then on. It was under observation until it was retired, or until `observedUntilMs`: the end of the data
 * set for those that a failure ended (Infinity where every machine is followed to its failure), the end of its own
 * record for the others.
 */
export function observeReplay(
  { spans, events }: Pick<ReplayResult, 'spans' | 'events'>,
  truth: { readonly observedUntilMs: number; readonly laterFailures: readonly LaterFailure[] },
): Observation[] {
  const failures = timesByMachine(events, 'failure');
  const retirements = timesByMachine(events, 'retired');
  return spans.map(({ machine, fromMs, lastStepMs, untilMs }) => {
    const seen = failures.get(machine) ?? [];
    const later = truth.laterFailures.filter((failure) => failure.machine === machine);
    const failuresMs = [...seen, ...later.map(({ failureMs }) => failureMs)].sort((a, b) => a - b);
    const lastSeenMs = seen.at(-1) ?? -Infinity;
    const watchedUntilMs = lastSeenMs >= lastStepMs ? lastSeenMs : untilMs;
    const lastFailureMs = failuresMs.at(-1) ?? -Infinity;
    const endedByFailure = lastFailureMs >= lastStepMs;
    const recordEndMs = endedByFailure ? lastFailureMs : untilMs;
    const retiredMs = retirements.get(machine)?.find((timeMs) => timeMs >= recordEndMs) ?? recordEndMs;
    const observedUntilMs = Math.max(recordEndMs, endedByFailure ? truth.observedUntilMs : retiredMs);
    return { machine, fromMs, watchedUntilMs, failuresMs, recordEndMs, observedUntilMs };
  });
}

/** With the repairs that answered a confirmed alert: forecasts made before are judged up to there. */
export function withRepairs(
  observations: readonly Observation[],
  events: readonly EventRecord[],
  horizonMs: number,
): Observation[] {
  const repairs = new ConfirmedRepairs();
  for (const event of events) repairs.add(event);
  return observations.map((observation) => {
    const { machine, failuresMs } = observation;
    return { ...observation, repairsMs: repairs.timesOf(machine, failuresMs, horizonMs) };
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
