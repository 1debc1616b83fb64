/**
 * Judges alerts, after thresholds, holds and resets, by what happened to the machines: what a maintenance engineer
 * would have lived through. Not the forecasts themselves (metrics/) and not how a notification was delivered.
 */
import { z } from 'zod';
import { type AlertEpisode, type AlertTransition, alertEpisodes } from './alert-episodes.js';
import { type Feedback, type Finding, feedbackOn } from './feedback.js';
import { quantile } from './metrics/quantile.js';
import type { Observation } from './observation.js';

export const alertBoundsSchema = z
  .strictObject({
    usefulFromDays: z
      .number()
      .min(0)
      .default(5)
      .describe('A warning shorter than this many days before the failure is late: no time to act.'),
    usefulToDays: z
      .number()
      .positive()
      .default(40)
      .describe('A failure is foreseen when its lead time is between usefulFromDays and this.'),
    earlyFromDays: z
      .number()
      .positive()
      .default(60)
      .describe(
        'An alert that fired more than this many days before the failure is early: good life is wasted.',
      ),
    claimDays: z
      .number()
      .positive()
      .default(30)
      .describe('An alert claims a failure within this many days after it fired; without one it was false.'),
    dueWithinDays: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'Failures that come up to this many days after the watched stretch are judged, too, by what stood when it ended.',
      ),
  })
  .refine((bounds) => bounds.usefulFromDays <= bounds.usefulToDays, {
    message: 'usefulFromDays must not be above usefulToDays',
    path: ['usefulFromDays'],
  })
  .refine((bounds) => bounds.usefulToDays <= bounds.earlyFromDays, {
    message: 'usefulToDays must not be above earlyFromDays',
    path: ['usefulToDays'],
  });
export type AlertBounds = z.output<typeof alertBoundsSchema>;

/**
 * How a failure was met. By the lead time, in days: `missed` no alert stood when it came; `late` below usefulFromDays;
 * `foreseen` in [usefulFromDays, usefulToDays]; `ahead` above that, up to earlyFromDays; `early` above earlyFromDays.
 */
export const failureVerdicts = ['foreseen', 'ahead', 'early', 'late', 'missed'] as const;
export type FailureVerdict = (typeof failureVerdicts)[number];

/**
 * What became of an alert. `true` the failure came while it stood, at most earlyFromDays after it fired; `early` the
 * same but later; `cleared-too-soon` it had cleared, yet the failure came within claimDays of its firing; `false`
 * claimDays passed, or it cleared, without a failure in that time; `intervened` it ended by maintenance or retirement:
 * whether a failure was prevented cannot be known; `undecided` the record ends before claimDays have passed.
 *
 * Where no failure decides, somebody's feedback does: an alert of the last three is `confirmed` when it was said to be true,
 * `false` when it was said to be false, and `unclear` when nobody could tell. A failure outranks what was said.
 */
export const alertVerdicts = [
  'true',
  'early',
  'cleared-too-soon',
  'false',
  'intervened',
  'undecided',
  'confirmed',
  'unclear',
] as const;
export type AlertVerdict = (typeof alertVerdicts)[number];

export interface JudgedFailure {
  readonly machine: string;
  readonly failureMs: number;
  readonly verdict: FailureVerdict;
  /**
   * Days from the first firing of the longest-standing alert that still stood at the failure; null when missed.
   */
  readonly leadDays: number | null;
  /**
   * Days from the very first alert of this life (since the failure before), even one that cleared; null when none
   * fired.
   */
  readonly firstAlarmDays: number | null;
}

export interface JudgedAlert {
  readonly alertId: string;
  readonly rule: string;
  readonly machine: string;
  readonly firedMs: number;
  readonly verdict: AlertVerdict;
  /**
   * Days from its firing to the failure at which it stood (`true` and `early`), else null. Also where that failure came
   * after the watched stretch: the failures of this report do not hold it.
   */
  readonly leadDays: number | null;
  /** What was said of it, whether or not it decides; null: nothing. */
  readonly feedback: Feedback | null;
}

export interface AlertScore {
  readonly bounds: AlertBounds;
  /** Length of a day in which lead times are counted. */
  readonly dayMs: number;
  /** Failures in the watched stretches, and those due after them. */
  readonly failures: readonly JudgedFailure[];
  readonly alerts: readonly JudgedAlert[];
  /** Alerts that fired for machines of which no fate is known. */
  readonly unobservedCount: number;
  /** Failures within usefulFromDays of the start of their machine's watch, which nobody could have warned of in time: not judged. */
  readonly tooSoonCount: number;
  readonly failureCounts: Readonly<Record<FailureVerdict, number>>;
  readonly alertCounts: Readonly<Record<AlertVerdict, number>>;
  /** Share of failures at which an alert stood, whatever its lead; null without a failure. */
  readonly detectedShare: number | null;
  /** Failures before which an alert of the same life had fired more than earlyFromDays ahead, standing or not. */
  readonly earlyAlarmFailures: number;
  /** Lead time in days over the failures at which an alert stood; null when there is none. */
  readonly leadDays: {
    readonly min: number;
    readonly p10: number;
    readonly median: number;
    readonly p90: number;
    readonly max: number;
  } | null;
  /** Watched time, in months of 30 days. */
  readonly machineMonths: number;
  /** Alerts judged `false`, per machine-month; null without watched time. */
  readonly falseAlarmsPerMachineMonth: number | null;
  /** Share of `true` and `confirmed` alerts among these and those that came early, cleared too soon, or were false; null without any. */
  readonly precision: number | null;
}

/**
 * Scores the transitions of alerts against the fate of machines. Failures after the watched stretch are no test of the
 * alerts, which could not see the days before them (unless `dueWithinDays` says so), but they do tell whether an alert was right. A lead time is plant
 * time: from the transition in which the alert first fired to the failure, in days of `dayMs` (where a step is not a
 * day, its nominal length).
 * An alert stands from that transition until it is resolved; raised, lowered, amended, acknowledged and
 * not-assessable transitions in between do not end it, and a resolution at the failure's own time counts as after it.
 * What fired or cleared after the watched stretch, while the machine was silent for good, does not count.
 * Alerts of machines without an observation are counted, not judged. `findings`: what people said of alerts, in any order.
 */
export function scoreAlerts(
  alerts: readonly AlertTransition[],
  observations: readonly Observation[],
  bounds: AlertBounds,
  dayMs: number,
  findings: readonly Finding[] = [],
): AlertScore {
  const episodes = new Map<string, AlertEpisode[]>();
  for (const episode of alertEpisodes(alerts)) {
    const own = episodes.get(episode.machine);
    if (own) own.push(episode);
    else episodes.set(episode.machine, [episode]);
  }
  const failures: JudgedFailure[] = [];
  const judged: JudgedAlert[] = [];
  let watchedMonths = 0;
  let tooSoonCount = 0;
  for (const observation of observations) {
    const own = watchedEpisodes(episodes.get(observation.machine) ?? [], observation);
    episodes.delete(observation.machine);
    observation.failuresMs.forEach((failureMs, i) => {
      const dueUntilMs = observation.watchedUntilMs + bounds.dueWithinDays * dayMs;
      if (failureMs < observation.fromMs || failureMs > dueUntilMs) return;
      if (cameTooSoon(failureMs, observation, bounds, dayMs)) {
        tooSoonCount++;
        return;
      }
      const previousMs = observation.failuresMs[i - 1] ?? -Infinity;
      failures.push(judgeFailure(observation.machine, failureMs, previousMs, own, bounds, dayMs));
    });
    const said = findings.filter(({ machine }) => machine === observation.machine);
    for (const episode of own) {
      const { alertId, rule, machine, firedMs } = episode;
      const feedback = feedbackOn(episode, said);
      judged.push({
        alertId,
        rule,
        machine,
        firedMs,
        ...judgeAlert(episode, observation, feedback, bounds, dayMs),
        feedback,
      });
    }
    watchedMonths += monthsWatched(observation, dayMs);
  }
  const unobservedCount = [...episodes.values()].reduce((sum, { length }) => sum + length, 0);
  return summarizeAlerts({
    bounds,
    dayMs,
    failures,
    alerts: judged,
    machineMonths: watchedMonths,
    unobservedCount,
    tooSoonCount,
  });
}

/**
 * The score of a stretch of time, both ends included: alerts count where they fired, failures where they came, whenever what stood
 * then had fired. `score` is of all the time of these observations.
 */
export function alertsWithin(
  score: AlertScore,
  observations: readonly Observation[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): AlertScore {
  const { bounds, dayMs } = score;
  const within = (timeMs: number) => timeMs >= fromMs && timeMs <= toMs;
  let machineMonths = 0;
  let tooSoonCount = 0;
  for (const observation of observations) {
    machineMonths += monthsWatched(
      {
        ...observation,
        fromMs: Math.max(fromMs, observation.fromMs),
        watchedUntilMs: Math.min(toMs, observation.watchedUntilMs),
      },
      dayMs,
    );
    tooSoonCount += observation.failuresMs.filter(
      (failureMs) => within(failureMs) && cameTooSoon(failureMs, observation, bounds, dayMs),
    ).length;
  }
  return summarizeAlerts({
    ...score,
    failures: score.failures.filter(({ failureMs }) => within(failureMs)),
    alerts: score.alerts.filter(({ firedMs }) => within(firedMs)),
    machineMonths,
    tooSoonCount,
  });
}

/** In months of 30 days. */
export function monthsWatched({ fromMs, watchedUntilMs }: Observation, dayMs: number): number {
  return Math.max(0, watchedUntilMs - fromMs) / (30 * dayMs);
}

/** The figures of judged failures and alerts, whichever they are. */
export function summarizeAlerts(
  judged: Pick<
    AlertScore,
    'bounds' | 'dayMs' | 'failures' | 'alerts' | 'machineMonths' | 'unobservedCount' | 'tooSoonCount'
  >,
): AlertScore {
  const { bounds, failures, alerts, machineMonths } = judged;
  const leads = failures
    .flatMap(({ leadDays }) => (leadDays === null ? [] : [leadDays]))
    .sort((a, b) => a - b);
  const alertCounts = countBy(alerts, alertVerdicts);
  const decided = alerts.length - alertCounts.intervened - alertCounts.undecided - alertCounts.unclear;
  return {
    ...judged,
    failureCounts: countBy(failures, failureVerdicts),
    alertCounts,
    detectedShare: failures.length === 0 ? null : leads.length / failures.length,
    earlyAlarmFailures: failures.filter(
      ({ firstAlarmDays }) => firstAlarmDays !== null && firstAlarmDays > bounds.earlyFromDays,
    ).length,
    leadDays:
      leads.length === 0
        ? null
        : {
            min: quantile(leads, 0),
            p10: quantile(leads, 0.1),
            median: quantile(leads, 0.5),
            p90: quantile(leads, 0.9),
            max: quantile(leads, 1),
          },
    falseAlarmsPerMachineMonth: machineMonths > 0 ? alertCounts.false / machineMonths : null,
    precision: decided === 0 ? null : (alertCounts.true + alertCounts.confirmed) / decided,
  };
}

/** What fired while the machine was watched; what ended only later (in silence) still stood at the end. */
function watchedEpisodes(episodes: readonly AlertEpisode[], { watchedUntilMs }: Observation): AlertEpisode[] {
  return episodes
    .filter((episode) => episode.firedMs <= watchedUntilMs)
    .map((episode) =>
      episode.endedMs <= watchedUntilMs ? episode : { ...episode, endedMs: Infinity, endReason: '' },
    );
}

/** After the start of the watch, but too soon for a warning in time. */
function cameTooSoon(
  failureMs: number,
  { fromMs }: Observation,
  { usefulFromDays }: AlertBounds,
  dayMs: number,
): boolean {
  return failureMs >= fromMs && failureMs - fromMs < usefulFromDays * dayMs;
}

function judgeFailure(
  machine: string,
  failureMs: number,
  previousMs: number,
  episodes: readonly AlertEpisode[],
  bounds: AlertBounds,
  dayMs: number,
): JudgedFailure {
  const before = episodes.filter(({ firedMs }) => firedMs <= failureMs && firedMs > previousMs);
  const daysSince = (standing: readonly AlertEpisode[]) =>
    standing.length === 0 ? null : (failureMs - Math.min(...standing.map(({ firedMs }) => firedMs))) / dayMs;
  const leadDays = daysSince(before.filter((episode) => standsAt(episode, failureMs)));
  const verdict: FailureVerdict =
    leadDays === null
      ? 'missed'
      : leadDays < bounds.usefulFromDays
        ? 'late'
        : leadDays <= bounds.usefulToDays
          ? 'foreseen'
          : leadDays <= bounds.earlyFromDays
            ? 'ahead'
            : 'early';
  return { machine, failureMs, verdict, leadDays, firstAlarmDays: daysSince(before) };
}

function judgeAlert(
  episode: AlertEpisode,
  { failuresMs, recordEndMs }: Observation,
  feedback: Feedback | null,
  bounds: AlertBounds,
  dayMs: number,
): Pick<JudgedAlert, 'verdict' | 'leadDays'> {
  const { firedMs } = episode;
  const failureMs = failuresMs.find((timeMs) => timeMs >= firedMs);
  if (failureMs === undefined || !standsAt(episode, failureMs))
    return {
      verdict: heeding(feedback, judgeUnmet(episode, failureMs, recordEndMs, bounds, dayMs)),
      leadDays: null,
    };
  const leadDays = (failureMs - firedMs) / dayMs;
  return { verdict: leadDays <= bounds.earlyFromDays ? 'true' : 'early', leadDays };
}

/** An alert that stood at no failure; `failureMs` is the first one after its firing, if any. */
function judgeUnmet(
  { firedMs, endReason }: AlertEpisode,
  failureMs: number | undefined,
  recordEndMs: number,
  bounds: AlertBounds,
  dayMs: number,
): AlertVerdict {
  if (endReason === 'maintenance' || endReason === 'retired') return 'intervened';
  const claimEndMs = firedMs + bounds.claimDays * dayMs;
  if (failureMs !== undefined && failureMs <= claimEndMs) return 'cleared-too-soon';
  return recordEndMs >= claimEndMs || failureMs !== undefined ? 'false' : 'undecided';
}

/** The verdict on an alert that stood at no failure, with what was said of it. */
function heeding(feedback: Feedback | null, verdict: AlertVerdict): AlertVerdict {
  if (feedback === null || verdict === 'cleared-too-soon') return verdict;
  return ({ true: 'confirmed', false: 'false', unclear: 'unclear' } as const)[feedback.verdict];
}

/** Whether the alert stood when the failure came, the first one after its firing. */
function standsAt({ endedMs, endReason }: AlertEpisode, failureMs: number): boolean {
  return endedMs >= failureMs || endReason === 'failed';
}

function countBy<Verdict extends string>(
  items: readonly { readonly verdict: Verdict }[],
  verdicts: readonly Verdict[],
): Record<Verdict, number> {
  const counts = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const { verdict } of items) counts[verdict]++;
  return counts;
}
