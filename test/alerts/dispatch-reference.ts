/**
 * A plain second telling of who is told what: for each tick it goes through the whole history again from its start, looks at every
 * group of every receiver, and keeps nothing but the history: what came in, and what was done at earlier ticks. It has no queue of what
 * is due, no time until which something is muted, no state to restore, and shares nothing with alerts/ but the words of the records.
 */
import type { AlertRecord } from '../../domain/alert.js';
import type { SilenceRecord } from '../../domain/silence.js';

/** Rank of a severity, least first. */
export const severities = ['info', 'warning', 'critical'];

export interface PlainRoute {
  /** Its place in the file. */
  readonly id: string;
  readonly notifier: string;
  readonly fits?: (alert: AlertRecord) => boolean;
  readonly minSeverity?: string;
  readonly transitions: readonly string[];
  /** Values that the alerts of a group have in common, by label; undefined: each alert is told on its own. */
  readonly groupOf?: (alert: AlertRecord) => Record<string, string>;
  readonly waitMs: number;
  readonly intervalMs: number;
  /** Infinity: never. */
  readonly repeatMs: number;
  readonly storm: { readonly above: number; readonly intervalMs: number };
  readonly isMuted?: (timeMs: number) => boolean;
}

export interface PlainRules {
  readonly routes: readonly PlainRoute[];
  /** Whether alert `by`, which is firing, mutes the other. */
  readonly inhibits: (by: AlertRecord, other: AlertRecord) => boolean;
  readonly isSilenced: (alert: AlertRecord, silence: SilenceRecord) => boolean;
  readonly isInMaintenance: (alert: AlertRecord, timeMs: number) => boolean;
}

export interface PlainTelling {
  readonly notifier: string;
  readonly timeMs: number;
  readonly reason: 'changed' | 'repeated';
  readonly group: Record<string, string> | null;
  /** Their keys, those that have changed first. */
  readonly alerts: readonly string[];
  readonly changed: number;
}

type Done =
  | { readonly kind: 'told' | 'held' | 'dropped'; readonly notifier: string; readonly alertId: string }
  | { readonly kind: 'all-told' | 'repeated'; readonly group: string }
  | { readonly kind: 'storm'; readonly lane: string };

/** Something that came in, or that was done at a tick. */
export type Happened =
  | { readonly kind: 'tick'; readonly timeMs: number }
  | { readonly kind: 'alert'; readonly alert: AlertRecord }
  | { readonly kind: 'silence'; readonly silence: SilenceRecord }
  | Done;

interface Member {
  readonly alertId: string;
  told: boolean;
  waiting: AlertRecord[];
  wasHeld: boolean;
  /** When a route led here last. */
  fitAs: Pick<AlertRecord, 'severity' | 'state'>;
}

interface Group {
  readonly key: string;
  readonly lane: string;
  readonly route: PlainRoute;
  readonly labels: Record<string, string> | null;
  readonly members: Map<string, Member>;
  waitingSinceMs: number | undefined;
  lastMs: number | undefined;
}

const rankOf = (severity: string): number => severities.indexOf(severity);
const isOver = ({ state }: AlertRecord): boolean => state === 'resolved';

/** The newest transition of every alert. */
function newestOf(history: readonly Happened[]): Map<string, AlertRecord> {
  const newest = new Map<string, AlertRecord>();
  for (const it of history) if (it.kind === 'alert') newest.set(it.alert.alertId, it.alert);
  return newest;
}

/** How a receiver's groups stand after all that has happened. */
function groupsOf(rules: PlainRules, notifier: string, history: readonly Happened[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  const before = new Map<string, AlertRecord>();
  const holderOf = (alertId: string) => [...groups.values()].find(({ members }) => members.has(alertId));
  const leave = (alertId: string): void => {
    const group = holderOf(alertId);
    group?.members.delete(alertId);
    if (group?.members.size === 0) groups.delete(group.key);
  };
  let nowMs = 0;
  for (const it of history) {
    if (it.kind === 'tick') nowMs = Math.max(nowMs, it.timeMs);
    else if (it.kind === 'alert') {
      const { alert } = it;
      const { alertId } = alert;
      const earlier = before.get(alertId);
      before.set(alertId, alert);
      const routesOf = (one: AlertRecord) =>
        rules.routes.filter((route) => route.notifier === notifier && (route.fits?.(one) ?? true));
      const known = holderOf(alertId)?.members.get(alertId);
      const fitting = routesOf(alert);
      // Who was told is told on, by the routes that led there last.
      const routes = fitting.length === 0 && known?.told ? routesOf({ ...alert, ...known.fitAs }) : fitting;
      const [route] = routes;
      if (!route) {
        leave(alertId);
        continue;
      }
      const isFirstSeen = (earlier === undefined || isOver(earlier)) && alert.sequence > 0 && !isOver(alert);
      const opens = alert.state === 'firing' || alert.state === 'not-assessable';
      const isSevere = routes.some(
        ({ minSeverity }) => minSeverity === undefined || rankOf(alert.severity) >= rankOf(minSeverity),
      );
      if ((!known || isFirstSeen) && !(opens && isSevere)) continue;
      const asOpened = alert.state === 'not-assessable' ? 'not-assessable' : 'fired';
      const word = isFirstSeen ? asOpened : alert.transition;
      const isListed = routes.some(({ transitions }) => transitions.includes(word));
      const { severity, state } = alert;
      const member = known ?? {
        alertId,
        told: !isListed,
        waiting: [],
        wasHeld: false,
        fitAs: { severity, state },
      };
      if (fitting.length > 0) member.fitAs = { severity, state };
      if (isListed) member.waiting.push(alert);
      const labels = route.groupOf?.(alert) ?? null;
      const lane = `${notifier}|${route.id}`;
      const key = `${lane}|${labels ? JSON.stringify(Object.values(labels)) : alertId}`;
      if (holderOf(alertId)?.key !== key) leave(alertId);
      const group = groups.get(key) ?? {
        ...{ key, lane, route, labels, members: new Map() },
        ...{ waitingSinceMs: undefined, lastMs: undefined },
      };
      groups.set(key, group);
      group.members.set(alertId, member);
      if (member.waiting.length > 0) group.waitingSinceMs ??= nowMs;
      if (!isListed && isOver(alert)) leave(alertId);
    } else if (it.kind === 'all-told' || it.kind === 'repeated') {
      const group = groups.get(it.group);
      if (group && it.kind === 'all-told') group.waitingSinceMs = undefined;
      else if (group) group.lastMs = nowMs;
    } else if (
      (it.kind === 'told' || it.kind === 'held' || it.kind === 'dropped') &&
      it.notifier === notifier
    ) {
      const group = holderOf(it.alertId);
      const member = group?.members.get(it.alertId);
      const newest = member?.waiting.at(-1);
      if (!group || !member || !newest) throw new Error(`${it.kind}: ${it.alertId} waits nowhere`);
      if (it.kind === 'held') {
        member.waiting = [newest];
        member.wasHeld = true;
        continue;
      }
      if (it.kind === 'told') group.lastMs = nowMs;
      member.told = true;
      member.waiting = [];
      member.wasHeld = false;
      if (it.kind === 'dropped' || isOver(newest)) leave(it.alertId);
    }
  }
  return groups;
}

/** What is told at the tick with which the history ends, and all that was done at it, for the history. */
export function tellAtTick(
  rules: PlainRules,
  history: readonly Happened[],
): { readonly tellings: readonly PlainTelling[]; readonly done: readonly Done[] } {
  const ticks = history.flatMap((it) => (it.kind === 'tick' ? [it.timeMs] : []));
  const timeMs = Math.max(...ticks);
  const newest = newestOf(history);
  const silences = new Map<string, SilenceRecord>();
  for (const it of history) if (it.kind === 'silence') silences.set(it.silence.id, it.silence);
  const tellings: PlainTelling[] = [];
  const done: Done[] = [];

  const isMuted = (route: PlainRoute, alert: AlertRecord): boolean =>
    (route.isMuted?.(timeMs) ?? false) ||
    rules.isInMaintenance(alert, timeMs) ||
    [...silences.values()].some(
      (silence) => silence.startsMs <= timeMs && timeMs < silence.endsMs && rules.isSilenced(alert, silence),
    ) ||
    [...newest.values()].some(
      (by) => by.alertId !== alert.alertId && by.state === 'firing' && rules.inhibits(by, alert),
    );
  const stormUntilMs = (lane: string, { storm }: PlainRoute): number => {
    let atMs = 0;
    let untilMs = 0;
    for (const it of history) {
      if (it.kind === 'tick') atMs = Math.max(atMs, it.timeMs);
      else if (it.kind === 'storm' && it.lane === lane) untilMs = atMs + storm.intervalMs;
    }
    return untilMs;
  };
  const stillOpen = (group: Group, { alertId, told }: Member): AlertRecord[] => {
    const alert = newest.get(alertId);
    return told && alert && !isOver(alert) && !isMuted(group.route, alert) ? [alert] : [];
  };
  const tell = (
    { route: { notifier } }: Group,
    reason: PlainTelling['reason'],
    group: PlainTelling['group'],
    changed: readonly AlertRecord[],
    others: readonly AlertRecord[],
  ): void => {
    const alerts = [...changed, ...others].map(({ dedupeKey }) => dedupeKey);
    tellings.push({ notifier, timeMs, reason, group, alerts, changed: changed.length });
  };

  /** What of the group is told now, by alert; what is muted is held. */
  const takeReady = (group: Group): { readonly member: Member; readonly told: readonly AlertRecord[] }[] => {
    const { route, lane, labels, members, waitingSinceMs, lastMs } = group;
    const { notifier } = route;
    if (waitingSinceMs === undefined || timeMs < waitingSinceMs + route.waitMs) return [];
    if (lastMs !== undefined && timeMs < lastMs + route.intervalMs) return [];
    if (!labels && timeMs < stormUntilMs(lane, route)) return [];
    const waiting = [...members.values()].flatMap((member) => {
      const last = member.waiting.at(-1);
      return last ? [{ member, last, muted: isMuted(route, last) }] : [];
    });
    const ready = waiting.flatMap(({ member, last, muted }) => {
      const { alertId } = member;
      const asItStands = muted || member.wasHeld || labels !== null;
      if (isOver(last) && !member.told && asItStands) done.push({ kind: 'dropped', notifier, alertId });
      else if (muted && !isOver(last)) done.push({ kind: 'held', notifier, alertId });
      else return [{ member, told: asItStands ? [last] : member.waiting }];
      return [];
    });
    if (!waiting.some(({ last, muted }) => muted && !isOver(last)))
      done.push({ kind: 'all-told', group: group.key });
    return ready;
  };
  const noteTold = (group: Group, ready: readonly { readonly member: Member }[]): void => {
    for (const { member } of ready)
      done.push({ kind: 'told', notifier: group.route.notifier, alertId: member.alertId });
  };
  /** What is open, known to the receiver, and not acknowledged. */
  const takeRepeated = (group: Group): AlertRecord[] => {
    if (group.lastMs === undefined || timeMs < group.lastMs + group.route.repeatMs) return [];
    const alerts = [...group.members.values()]
      .filter(({ waiting }) => waiting.length === 0)
      .flatMap((member) => stillOpen(group, member))
      .filter(({ acknowledgedBy, state }) => acknowledgedBy === '' && state !== 'pending');
    if (alerts.length > 0) done.push({ kind: 'repeated', group: group.key });
    return alerts;
  };

  const tellTogether = (group: Group): void => {
    const ready = takeReady(group);
    if (ready.length === 0) {
      const alerts = takeRepeated(group);
      if (alerts.length > 0) tell(group, 'repeated', group.labels, [], alerts);
      return;
    }
    const others = [...group.members.values()]
      .filter((member) => !ready.some((one) => one.member === member))
      .flatMap((member) => stillOpen(group, member));
    tell(
      group,
      'changed',
      group.labels,
      ready.flatMap(({ told }) => told),
      others,
    );
    noteTold(group, ready);
  };
  const tellEach = (groups: readonly Group[]): void => {
    const [first] = groups;
    if (!first) return;
    const { above } = first.route.storm;
    const ready = groups.map((group) => ({ group, ready: takeReady(group) }));
    const all = ready.flatMap((one) => one.ready);
    const transitions = all
      .flatMap(({ told }) => told)
      .sort((a, b) => a.timeMs - b.timeMs || (a.alertId < b.alertId ? -1 : 1) || a.sequence - b.sequence);
    if (transitions.length > above) {
      const known = all.flatMap(({ member, told }) =>
        told.slice(-1).filter((alert) => member.told || !isOver(alert)),
      );
      if (known.length > 0) tell(first, 'changed', {}, known, []);
      done.push({ kind: 'storm', lane: first.lane });
    } else for (const alert of transitions) tell(first, 'changed', null, [alert], []);
    for (const one of ready) noteTold(one.group, one.ready);
    const repeated = ready
      .filter((one) => one.ready.length === 0)
      .flatMap(({ group }) => takeRepeated(group));
    if (repeated.length > above) tell(first, 'repeated', {}, [], repeated);
    else for (const alert of repeated) tell(first, 'repeated', null, [], [alert]);
  };

  const groups = [...new Set(rules.routes.map(({ notifier }) => notifier))]
    .flatMap((notifier) => [...groupsOf(rules, notifier, history).values()])
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const lanes = new Map<string, Group[]>();
  for (const group of groups) {
    const lane = group.labels ? group.key : group.lane;
    lanes.set(lane, [...(lanes.get(lane) ?? []), group]);
  }
  for (const lane of lanes.values())
    if (lane[0]?.labels) tellTogether(lane[0]);
    else tellEach(lane);
  return { tellings, done };
}
