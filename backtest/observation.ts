/** What is known of a machine's fate: the truth that forecasts and alerts are judged by. */

/** One machine under observation. All times are plant time, ms since epoch. */
export interface Observation {
  readonly machine: string;
  /** From when alerts would have been seen. */
  readonly fromMs: number;
  /** Its failures, ascending. */
  readonly failuresMs: readonly number[];
  /**
   * Last moment at which the machine is known to have been running, or to have failed. For a machine that ended by
   * its last failure, that failure's time.
   */
  readonly recordEndMs: number;
  /**
   * Moment up to which a failure would have been seen, had the machine run on: the end of the data set. Infinity
   * where machines run to failure (C-MAPSS). At least `recordEndMs`; equal to it for a machine retired in working
   * order.
   */
  readonly observedUntilMs: number;
}

/**
 * Counts whole steps ("days") from an origin, which is a step's start, to a time at or after it: n when the time is
 * in the (n+1)-th step after the origin. Steps are [start, end). A failure in the k-th step after the origin thus has
 * k − 1 whole steps before it.
 */
export type CountSteps = (originMs: number, timeMs: number) => number;

/** Steps of one length. For calendar days pass a counter that knows the time zone. */
export function fixedSteps(stepMs: number): CountSteps {
  return (originMs, timeMs) => Math.floor((timeMs - originMs) / stepMs);
}

/** Outcome columns of a forecast issued at `originMs`, see `Judged`. */
export interface Outcome {
  readonly eventDay: number;
  readonly knownDays: number;
  readonly observedDays: number;
}

/**
 * What came of a forecast at `originMs` over H days. The first failure at or after the origin counts.
 * knownDays 0 without a failure means that nothing after the origin is known: the row cannot be judged.
 */
export function outcomeAt(
  observation: Observation,
  originMs: number,
  horizonDays: number,
  countSteps: CountSteps,
): Outcome {
  const daysUntil = (timeMs: number) =>
    timeMs === Infinity
      ? horizonDays
      : Math.min(horizonDays, timeMs < originMs ? 0 : countSteps(originMs, timeMs));
  const { failuresMs, recordEndMs, observedUntilMs } = observation;
  const failureMs = failuresMs.find((timeMs) => timeMs >= originMs);
  const eventDay = failureMs === undefined ? 0 : countSteps(originMs, failureMs) + 1;
  if (eventDay >= 1 && eventDay <= horizonDays)
    return {
      eventDay,
      knownDays: eventDay,
      observedDays: Math.max(eventDay, daysUntil(observedUntilMs)),
    };
  // A failure beyond the horizon: the machine ran all H days.
  if (failureMs !== undefined) return { eventDay: 0, knownDays: horizonDays, observedDays: horizonDays };
  const knownDays = daysUntil(Math.min(recordEndMs, observedUntilMs));
  return { eventDay: 0, knownDays, observedDays: knownDays };
}
