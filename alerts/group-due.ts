/** When a group has something to tell: what waits, and what is repeated. */
import type { AlertRecord } from '../domain/alert.js';
import type { AlertGroup } from './alert-group.js';

/** Alerts that are open, by id. */
export type OpenAlerts = ReadonlyMap<string, AlertRecord>;

/** Infinity: nothing waits. `stormUntilMs`: of its lane; -Infinity: there is no storm. */
export function waitingDueMs(group: AlertGroup, stormUntilMs: number): number {
  const { route, labels, waitingSinceMs, lastMs, waitingMutedUntilMs } = group;
  if (waitingSinceMs === null) return Number.POSITIVE_INFINITY;
  return Math.max(
    waitingSinceMs + route.groupWaitMs,
    (lastMs ?? Number.NEGATIVE_INFINITY) + route.groupIntervalMs,
    labels ? Number.NEGATIVE_INFINITY : stormUntilMs,
    waitingMutedUntilMs,
  );
}

/** Infinity: nothing is repeated. */
export function repeatDueMs(group: AlertGroup, open: OpenAlerts): number {
  const { route, lastMs, members, repeatMutedUntilMs } = group;
  if (lastMs === null || route.repeatIntervalMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  for (const alertId of members.keys())
    if (repeatableOf(group, alertId, open))
      return Math.max(lastMs + route.repeatIntervalMs, repeatMutedUntilMs);
  return Number.POSITIVE_INFINITY;
}

export function repeatable(group: AlertGroup, open: OpenAlerts): AlertRecord[] {
  return [...group.members.keys()].flatMap((alertId) => repeatableOf(group, alertId, open) ?? []);
}

/** What the receiver knows of, is open, and nobody has acknowledged; news of it is told as such, when it is due. */
function repeatableOf({ members }: AlertGroup, alertId: string, open: OpenAlerts): AlertRecord | undefined {
  const member = members.get(alertId);
  if (!member?.told || member.waiting.length > 0) return undefined;
  const alert = open.get(alertId);
  return alert && alert.acknowledgedBy === '' && alert.state !== 'pending' ? alert : undefined;
}
