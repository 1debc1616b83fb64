/** Alerts that one receiver is told of together; a group of one where each is told on its own. */
import type { AlertRecord } from '../domain/alert.js';
import type { Labels } from './labels.js';
import type { Route } from './route.js';

/** An alert that a receiver is told of. */
export interface Member {
  /** The receiver knows of it. */
  told: boolean;
  /** Transitions to be told, the oldest first. */
  waiting: AlertRecord[];
  /** What waits was muted: once it is told, it is told as it stands. */
  wasMuted: boolean;
  /** Those labels that change in the life of an alert, when a route led here last. */
  fitAs?: Pick<AlertRecord, 'severity' | 'state'>;
}

export interface AlertGroup {
  readonly key: string;
  readonly notifier: string;
  readonly route: Route;
  /** null: an alert on its own. */
  readonly labels: Labels | null;
  /** By alert id. */
  readonly members: Map<string, Member>;
  /** When the first of what is waiting came; null: nothing is. */
  waitingSinceMs: number | null;
  /** When it was told last. */
  lastMs: number | null;
  /** What waits is muted until then, and so is what would be repeated. */
  waitingMutedUntilMs: number;
  repeatMutedUntilMs: number;
}

/** As kept between restarts. */
export interface GroupEntry {
  readonly notifier: string;
  readonly members: readonly (readonly [string, Member])[];
  readonly waitingSinceMs: number | null;
  readonly lastMs: number | null;
}

export const newMember = (told: boolean): Member => ({ told, waiting: [], wasMuted: false });

export function newGroup(notifier: string, route: Route, alert: AlertRecord, labels: Labels): AlertGroup {
  return {
    key: groupKey(notifier, route, alert, labels),
    notifier,
    route,
    labels:
      route.groupBy &&
      Object.fromEntries(route.groupBy.map((name): [string, string] => [name, labels[name] ?? ''])),
    members: new Map(),
    waitingSinceMs: null,
    lastMs: null,
    waitingMutedUntilMs: Number.NEGATIVE_INFINITY,
    repeatMutedUntilMs: Number.NEGATIVE_INFINITY,
  };
}

/** Of the groups of a receiver by a route. */
export const laneOf = ({ notifier, route }: { notifier: string; route: Route }): string =>
  `${notifier}|${route.id}`;

export function groupKey(notifier: string, route: Route, alert: AlertRecord, labels: Labels): string {
  const { groupBy } = route;
  const own = groupBy ? JSON.stringify(groupBy.map((name) => labels[name] ?? '')) : alert.alertId;
  return `${laneOf({ notifier, route })}|${own}`;
}

export function entryOf({ notifier, members, waitingSinceMs, lastMs }: AlertGroup): GroupEntry {
  return { notifier, members: [...members], waitingSinceMs, lastMs };
}
