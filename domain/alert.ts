/** A record of the topic `alerts`: one transition of one alert. Append-only; the newest per alert is its state. */

import type { SimpleRung } from './fallback.js';

export const alertStates = ['pending', 'firing', 'resolved', 'not-assessable'] as const;
export type AlertState = (typeof alertStates)[number];

/** What an `alertId` says; undefined when it is none. Ids of machines may hold slashes, names of rules do not. */
export function readAlertId(
  alertId: string,
): { readonly rule: string; readonly machine: string; readonly sinceMs: number } | undefined {
  const [, rule, machine, since] = /^([^/]+)\/(.+)\/(-?\d+)$/.exec(alertId) ?? [];
  return rule === undefined || machine === undefined ? undefined : { rule, machine, sinceMs: Number(since) };
}

export interface AlertRecord {
  readonly kind: 'alert';
  /** `rule/machine/sinceMs`: one per episode from leaving inactive to resolved. */
  readonly alertId: string;
  /** `alertId/sequence`: the same transition after a restart has the same key; notifiers dedupe on it. */
  readonly dedupeKey: string;
  /** Counts the transitions of this alert, from 0. */
  readonly sequence: number;
  readonly rule: string;
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  readonly state: AlertState;
  /** Name of the severity, such as 'warning' or 'critical'; '' where the rule has none in this state. */
  readonly severity: string;
  /** What changed: the word goes to the log, the metric and the page. */
  readonly transition:
    | 'pending'
    | 'fired'
    | 'raised' // to a higher severity
    | 'lowered'
    | 'resolved'
    | 'cancelled' // pending, but the condition went away
    | 'amended' // late data changed the forecast the alert stands on
    | 'acknowledged'
    | 'assigned'
    | 'commented'
    | 'not-assessable'
    | 'assessable';
  /**
   * Why, in words. For resolved: 'condition-cleared' | 'failed' | 'maintenance' | 'retired'. For what people say: their
   * comment.
   */
  readonly reason: string;
  /** Plant time of the transition and of the start of the episode. */
  readonly timeMs: number;
  readonly sinceMs: number;
  readonly acknowledgedBy: string;
  /** Who is to look after it; left out: nobody was named. */
  readonly assignedTo?: string;
  /** Who assigned or commented; left out in other transitions. */
  readonly by?: string;
  /** Value of the rule's condition, for example P(fail ≤ 14 d); null when it has none. */
  readonly value: number | null;
  readonly summary: string;
  /** The forecast that caused it (null: caused by an event or a tick). */
  readonly trace: {
    readonly originMs: number;
    readonly revision: number;
    readonly model: string;
    /** What that forecast rested on where it was not the network. */
    readonly rung?: SimpleRung;
    readonly forecastOffset: number;
    /** Hash of the rule as it was. */
    readonly ruleVersion: string;
  } | null;
}
