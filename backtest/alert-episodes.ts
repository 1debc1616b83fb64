import type { AlertRecord } from '../domain/alert.js';

/** What judging needs of an alert's record. */
export type AlertTransition = Pick<
  AlertRecord,
  'alertId' | 'sequence' | 'rule' | 'machine' | 'state' | 'reason' | 'timeMs'
>;

/** The same without the rest, which is most of it. */
export function transitionOf({
  alertId,
  sequence,
  rule,
  machine,
  state,
  reason,
  timeMs,
}: AlertRecord): AlertTransition {
  return { alertId, sequence, rule, machine, state, reason, timeMs };
}

/** The time for which one alert stood before people: from its first firing to its resolution. */
export interface AlertEpisode {
  readonly alertId: string;
  readonly rule: string;
  readonly machine: string;
  /** Time of the first transition into `firing`. */
  readonly firedMs: number;
  /** Time of the resolution; Infinity when it still stands at the end of the record. */
  readonly endedMs: number;
  /** Reason of the resolution; '' while it stands. */
  readonly endReason: string;
}

/**
 * The episodes among transitions in any order, also when some are there twice; by firing time. Alerts that never
 * fired (pending only, or not assessable from the start) have none.
 */
export function alertEpisodes(transitions: readonly AlertTransition[]): AlertEpisode[] {
  const byAlert = new Map<string, AlertTransition[]>();
  for (const transition of transitions) {
    const own = byAlert.get(transition.alertId);
    if (own) own.push(transition);
    else byAlert.set(transition.alertId, [transition]);
  }
  const episodes: AlertEpisode[] = [];
  for (const own of byAlert.values()) {
    own.sort((a, b) => a.sequence - b.sequence);
    const fired = own.find(({ state }) => state === 'firing');
    if (!fired) continue;
    const ended = own.find(({ state, sequence }) => state === 'resolved' && sequence > fired.sequence);
    episodes.push({
      alertId: fired.alertId,
      rule: fired.rule,
      machine: fired.machine,
      firedMs: fired.timeMs,
      endedMs: ended?.timeMs ?? Infinity,
      endReason: ended?.reason ?? '',
    });
  }
  return episodes.sort((a, b) => a.firedMs - b.firedMs || (a.alertId < b.alertId ? -1 : 1));
}
