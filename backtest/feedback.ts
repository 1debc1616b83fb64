/**
 * What people found who looked into alerts, as truth that alerts are judged by. The moment at which somebody said it is no
 * label: it speaks of the machine in the time for which its alert stood.
 */
import { readAlertId } from '../domain/alert.js';
import type { EventRecord, FeedbackVerdict } from '../domain/input.js';
import type { AlertEpisode } from './alert-episodes.js';

/** Feedback as it was given; '' where nothing was said. */
export interface Feedback {
  readonly alertId: string;
  readonly verdict: FeedbackVerdict;
  readonly saidMs: number;
  readonly by: string;
  readonly fault: string;
}

/** Of one machine, and of a time: that for which the alert stood; where only its id is known, the moment in which it arose. */
export interface Finding {
  readonly machine: string;
  /** Whose alerts it speaks of; null: those of any rule. */
  readonly rule: string | null;
  readonly fromMs: number;
  /** Infinity: the alert still stands. */
  readonly toMs: number;
  readonly feedback: Feedback;
}

/**
 * One finding per alert: what was said of it last. Feedback that names no alert, or none that could be, tells nothing of a
 * time and gives none. `episodes`: of the alerts that are known, the first of an id counts.
 */
export function findingsIn(events: readonly EventRecord[], episodes: readonly AlertEpisode[]): Finding[] {
  const known = new Map([...episodes].reverse().map((episode) => [episode.alertId, episode]));
  const newest = new Map<string, Finding>();
  for (const { event, machine, code, alert = '', eventTimeMs: saidMs, by, fault = '' } of events) {
    if (event !== 'feedback') continue;
    const named = readAlertId(alert);
    if (!named || saidMs < (newest.get(alert)?.feedback.saidMs ?? -Infinity)) continue;
    const stood = known.get(alert);
    newest.set(alert, {
      machine,
      rule: named.rule,
      fromMs: stood?.firedMs ?? named.sinceMs,
      toMs: stood?.endedMs ?? named.sinceMs,
      feedback: { alertId: alert, verdict: code as FeedbackVerdict, saidMs, by, fault },
    });
  }
  return [...newest.values()];
}

/**
 * The feedback that an alert is judged by: its own; else the newest that speaks of its rule and of a time at which it stood,
 * as another network or threshold may have let it fire on another day. `findings` are those of its machine.
 */
export function feedbackOn(episode: AlertEpisode, findings: readonly Finding[]): Feedback | null {
  const own = findings.find(({ feedback }) => feedback.alertId === episode.alertId);
  if (own) return own.feedback;
  const others = findings
    .filter(
      ({ rule, fromMs, toMs }) =>
        (rule === null || rule === episode.rule) && fromMs <= episode.endedMs && toMs >= episode.firedMs,
    )
    .sort((a, b) => b.feedback.saidMs - a.feedback.saidMs);
  return others[0]?.feedback ?? null;
}
