/** What a receiver is told at once: of one alert, of a group, or of a storm. */
import type { AlertRecord } from '../domain/alert.js';
import type { NotificationRecord } from '../domain/notification.js';
import { type AlertGroup, laneOf } from './alert-group.js';
import { groupSummary } from './group-summary.js';

/** Alerts in one notification. */
const alertsMax = 500;

/** A notification but for what the stage knows. */
export type Telling = Omit<NotificationRecord, 'kind' | 'dedupeKey' | 'timeMs'> & {
  /** Tells it from the others of the same record. */
  readonly key: string;
};

export function tellingOfOne(
  { notifier }: AlertGroup,
  reason: Telling['reason'],
  alert: AlertRecord,
): Telling {
  return {
    key: reason === 'changed' ? alert.dedupeKey : `${alert.dedupeKey}/again`,
    notifier,
    group: null,
    reason,
    alerts: [alert],
    changed: reason === 'changed' ? 1 : 0,
    omitted: 0,
    summary: alert.summary,
  };
}

/** Of the group, or where each alert is told on its own, of a storm in its lane: what has changed first, then what else is open. */
export function tellingOf(
  group: AlertGroup,
  reason: Telling['reason'],
  changed: readonly AlertRecord[],
  others: readonly AlertRecord[],
): Telling {
  const labels = group.labels ?? {};
  const all = [...changed, ...others];
  const alerts = all.slice(0, alertsMax);
  const omitted = all.length - alerts.length;
  return {
    key: group.labels ? group.key : laneOf(group),
    notifier: group.notifier,
    group: labels,
    reason,
    alerts,
    changed: Math.min(changed.length, alerts.length),
    omitted,
    summary: groupSummary(labels, alerts, omitted, reason),
  };
}
