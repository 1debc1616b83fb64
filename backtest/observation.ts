/** What is known of a machine's fate: the truth that forecasts and alerts are judged by. */

/** One machine under observation. All times are plant time, ms since epoch. */
export interface Observation {
  readonly machine: string;
  /** The stretch that was replayed: from when, and up to when, an alert could have fired. */
  readonly fromMs: number;
  readonly watchedUntilMs: number;
  /** Its failures, ascending; also those known to have come after the replayed stretch. */
  readonly failuresMs: readonly number[];
  /**
   * Repairs, ascending, after which nobody can know whether it would have failed: forecasts made before are judged up to there.
   * Left out: none.
   */
  readonly repairsMs?: readonly number[];
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

/** The steps ("days") that forecasts count in. They are [start, end), without gaps. */
export interface Steps {
  /** Length of an ordinary step; a calendar day may differ from it by a clock change. */
  readonly nominalMs: number;
  /**
   * Whole steps from an origin, which is a step's start, to a time at or after it: n when the time is in the (n+1)-th
   * step after the origin. A failure in the k-th step after the origin thus has k − 1 whole steps before it.
   */
  count(originMs: number, timeMs: number): number;
}

/** Steps of one length. */
export function fixedSteps(stepMs: number): Steps {
  return { nominalMs: stepMs, count: (originMs, timeMs) => Math.floor((timeMs - originMs) / stepMs) };
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
  steps: Steps,
): Outcome {
  // Counting steps of a calendar takes time; beyond the horizon the count does not matter.
  const farMs = originMs + (horizonDays + 3) * steps.nominalMs;
  const wholeDays = (timeMs: number) =>
    timeMs < originMs ? 0 : Math.min(horizonDays, steps.count(originMs, Math.min(timeMs, farMs)));
  const { failuresMs, repairsMs, recordEndMs, observedUntilMs } = observation;
  const failureMs = failuresMs.find((timeMs) => timeMs >= originMs);
  const repairMs = repairsMs?.find((timeMs) => timeMs >= originMs);
  // A failure in the step of the repair counts, as in the labels of training (stream/history.ts).
  const isRepaired =
    repairMs !== undefined && (failureMs === undefined || wholeDays(repairMs) < wholeDays(failureMs));
  if (failureMs === undefined || isRepaired) {
    const knownDays = wholeDays(Math.min(recordEndMs, observedUntilMs, repairMs ?? Infinity));
    return { eventDay: 0, knownDays, observedDays: knownDays };
  }
  const daysBefore = wholeDays(failureMs);
  if (daysBefore >= horizonDays) return { eventDay: 0, knownDays: horizonDays, observedDays: horizonDays };
  const eventDay = daysBefore + 1;
  return { eventDay, knownDays: eventDay, observedDays: Math.max(eventDay, wholeDays(observedUntilMs)) };
}
