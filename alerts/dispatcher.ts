/**
 * Decides when which receiver is told what: routes, grouping, muting, repetition, storms, as Alertmanager does, in
 * plant time. A plain object that reads no clock: transitions, silences and the time go in, notifications come out.
 *
 * Muted is what would be new. The end of what a receiver was told is told always; what ended before it was told is
 * not told at all, and what is open when the muting ends is told then, at its present state.
 */
import type { AlertRecord } from '../domain/alert.js';
import type { NotificationRecord } from '../domain/notification.js';
import type { SilenceRecord } from '../domain/silence.js';
import {
  type AlertGroup,
  entryOf,
  type GroupEntry,
  groupKey,
  laneOf,
  type Member,
  newGroup,
  newMember,
} from './alert-group.js';
import type { AlertsConfig } from './config.js';
import { groupSummary } from './group-summary.js';
import { type Muted, Muting } from './muting.js';
import { decideRoute, decideRouteOfOpen, makeRouting, type Route, type Routing, routesTo } from './route.js';

/** Alerts in one notification. */
const alertsMax = 500;
/** A silence that is over can be looked at this long. */
export const silenceKeptMs = 5 * 86_400_000;

/** A notification but for what the stage knows. */
export type Telling = Omit<NotificationRecord, 'kind' | 'dedupeKey' | 'timeMs'> & {
  /** Tells it from the others of the same record. */
  readonly key: string;
};

/** What is kept between restarts, by key; undefined: it is gone. */
export type DispatchEntry =
  | { readonly key: `o|${string}`; readonly value: AlertRecord | undefined }
  | { readonly key: `s|${string}`; readonly value: SilenceRecord | undefined }
  | { readonly key: `g|${string}`; readonly value: GroupEntry | undefined }
  | { readonly key: `l|${string}`; readonly value: number | undefined }
  | { readonly key: 'time'; readonly value: number };

/** What one member is to be told. */
interface Ready {
  readonly group: AlertGroup;
  readonly alertId: string;
  readonly member: Member;
  readonly alerts: readonly AlertRecord[];
}

export class Dispatcher {
  readonly #routing: Routing;
  readonly #muting: Muting;
  readonly #open = new Map<string, AlertRecord>();
  readonly #silences = new Map<string, SilenceRecord>();
  readonly #groups = new Map<string, AlertGroup>();
  /** By lane: what is told each on its own waits until then. */
  readonly #storms = new Map<string, number>();
  readonly #changed = new Set<DispatchEntry['key']>();
  #nowMs = 0;

  /** `timeZone`: of time intervals that name none. */
  constructor(config: AlertsConfig, timeZone: string) {
    this.#routing = makeRouting(config);
    this.#muting = new Muting(config, timeZone, this.#routing.labelsOf);
  }

  /** The moment from which `advance` may have something to tell. */
  get dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const group of this.#groups.values()) dueMs = Math.min(dueMs, this.#dueMs(group));
    return dueMs;
  }

  noteSilence(silence: SilenceRecord): void {
    this.#silences.set(silence.id, silence);
    this.#changed.add(`s|${silence.id}`);
    this.#muting.noteSilence(silence);
    this.#lookAgain();
  }

  noteAlert(alert: AlertRecord): void {
    const { alertId, sequence, state } = alert;
    const known = this.#open.get(alertId);
    if (known !== undefined && sequence <= known.sequence) return;
    if (state === 'resolved') this.#open.delete(alertId);
    else this.#open.set(alertId, alert);
    this.#changed.add(`o|${alertId}`);
    if (this.#muting.noteAlert(alert)) this.#lookAgain();
    // One whose beginning was not seen is told as it stands.
    const asItStands = known === undefined && sequence > 0 && state !== 'resolved';
    const decide = asItStands ? decideRouteOfOpen : decideRoute;
    for (const notifier of this.#routing.notifiers) this.#offer(notifier, alert, decide);
  }

  /** What is to be told by this time. Time never goes back. */
  advance(timeMs: number): Telling[] {
    if (!(timeMs > this.#nowMs)) timeMs = this.#nowMs;
    this.#nowMs = timeMs;
    this.#changed.add('time');
    for (const { id, endsMs } of this.#silences.values())
      if (endsMs + silenceKeptMs <= timeMs) {
        this.#silences.delete(id);
        this.#muting.forgetSilence(id);
        this.#changed.add(`s|${id}`);
      }
    const due = [...this.#groups.values()]
      .filter((group) => this.#dueMs(group) <= timeMs)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const lanes = new Map<string, AlertGroup[]>();
    for (const group of due) {
      const together = group.labels ? group.key : laneOf(group);
      lanes.set(together, [...(lanes.get(together) ?? []), group]);
    }
    return [...lanes.values()].flatMap((groups) =>
      groups[0]?.labels ? groups.flatMap((group) => this.#tellTogether(group)) : this.#tellEach(groups),
    );
  }

  /** Entries that have changed since the last call. */
  changes(): DispatchEntry[] {
    const entries = [...this.#changed]
      .sort()
      .map((key) => ({ key, value: this.#valueOf(key) }) as DispatchEntry);
    this.#changed.clear();
    return entries;
  }

  /**
   * Takes in what `changes` gave, in any order. The configuration may be another one: receivers that are new are told
   * what is open, those that are gone are forgotten.
   */
  restore(entries: Iterable<DispatchEntry>): void {
    const groups = new Map<string, GroupEntry>();
    for (const { key, value } of entries) {
      if (value === undefined) continue;
      if (key === 'time') this.#nowMs = value as number;
      else if (key.startsWith('o|')) this.#open.set(key.slice(2), value as AlertRecord);
      else if (key.startsWith('l|')) this.#storms.set(key.slice(2), value as number);
      else if (key.startsWith('g|')) groups.set(key.slice(2), value as GroupEntry);
      else if (key.startsWith('s|')) {
        this.#silences.set(key.slice(2), value as SilenceRecord);
        this.#muting.noteSilence(value as SilenceRecord);
      }
    }
    for (const alert of this.#open.values()) this.#muting.noteAlert(alert);
    this.#rejoin(groups);
  }

  #valueOf(key: DispatchEntry['key']): DispatchEntry['value'] {
    const name = key.slice(2);
    if (key === 'time') return this.#nowMs;
    if (key.startsWith('o|')) return this.#open.get(name);
    if (key.startsWith('s|')) return this.#silences.get(name);
    if (key.startsWith('l|')) return this.#storms.get(name);
    const group = this.#groups.get(name);
    return group && entryOf(group);
  }

  /** Every alert in the group that the configuration puts it into, with what its receiver knows of it. */
  #rejoin(entries: ReadonlyMap<string, GroupEntry>): void {
    const seen = new Set<string>();
    for (const [key, { notifier, members, waitingSinceMs, lastMs }] of [...entries].sort(([a], [b]) =>
      a < b ? -1 : 1,
    )) {
      for (const [alertId, member] of members) {
        seen.add(`${notifier}|${alertId}`);
        const alert = this.#open.get(alertId) ?? member.waiting.at(-1);
        const group = alert && this.#groupOf(notifier, alert);
        if (!group || group.key !== key) this.#changed.add(`g|${key}`);
        if (!group) continue;
        if (group.key === key) group.lastMs = lastMs;
        else this.#changed.add(`g|${group.key}`);
        if (member.waiting.length > 0)
          group.waitingSinceMs = Math.min(group.waitingSinceMs ?? Infinity, waitingSinceMs ?? this.#nowMs);
        group.members.set(alertId, member);
        this.#groups.set(group.key, group);
      }
    }
    const open = [...this.#open.values()].sort(
      (a, b) => a.timeMs - b.timeMs || (a.alertId < b.alertId ? -1 : 1),
    );
    for (const alert of open)
      for (const notifier of this.#routing.notifiers) {
        if (seen.has(`${notifier}|${alert.alertId}`)) continue;
        const routes = routesTo(this.#routing, notifier, alert, this.#routing.labelsOf(alert));
        if (routes.length > 0 && decideRouteOfOpen(this.#routing, routes, alert) === 'tell')
          this.#wait(this.#groupOf(notifier, alert) as AlertGroup, newMember(false), alert);
      }
  }

  /** The group there is, or a new one; undefined: no route leads from the alert to the receiver. */
  #groupOf(notifier: string, alert: AlertRecord): AlertGroup | undefined {
    const labels = this.#routing.labelsOf(alert);
    const [route] = routesTo(this.#routing, notifier, alert, labels);
    return (
      route &&
      (this.#groups.get(groupKey(notifier, route, alert, labels)) ?? newGroup(notifier, route, alert, labels))
    );
  }

  #offer(notifier: string, alert: AlertRecord, decide: typeof decideRoute): void {
    const routes = routesTo(this.#routing, notifier, alert, this.#routing.labelsOf(alert));
    const group = this.#groupOf(notifier, alert);
    if (!group) return;
    const { alertId } = alert;
    const known = group.members.get(alertId);
    const decision = decide(this.#routing, routes, alert, known !== undefined);
    if (decision === 'below-severity') return;
    if (decision === 'tell') this.#wait(group, known ?? newMember(false), alert);
    else {
      // In scope from now on, though there is nothing to tell of this.
      group.members.set(alertId, known ?? newMember(true));
      this.#groups.set(group.key, group);
      if (alert.state === 'resolved') group.members.delete(alertId);
      this.#touch(group);
    }
  }

  #wait(group: AlertGroup, member: Member, alert: AlertRecord): void {
    member.waiting.push(alert);
    group.members.set(alert.alertId, member);
    group.waitingSinceMs ??= this.#nowMs;
    group.waitingMutedUntilMs = Number.NEGATIVE_INFINITY;
    this.#groups.set(group.key, group);
    this.#touch(group);
  }

  /** What was muted may not be any more. */
  #lookAgain(): void {
    for (const group of this.#groups.values()) {
      group.waitingMutedUntilMs = Number.NEGATIVE_INFINITY;
      group.repeatMutedUntilMs = Number.NEGATIVE_INFINITY;
    }
  }

  #dueMs(group: AlertGroup): number {
    return Math.min(this.#waitingDueMs(group), this.#repeatDueMs(group));
  }

  #waitingDueMs(group: AlertGroup): number {
    const { route, waitingSinceMs, lastMs } = group;
    if (waitingSinceMs === null) return Number.POSITIVE_INFINITY;
    return Math.max(
      waitingSinceMs + route.groupWaitMs,
      (lastMs ?? Number.NEGATIVE_INFINITY) + route.groupIntervalMs,
      (group.labels ? undefined : this.#storms.get(laneOf(group))) ?? Number.NEGATIVE_INFINITY,
      group.waitingMutedUntilMs,
    );
  }

  #repeatDueMs(group: AlertGroup): number {
    const { route, lastMs } = group;
    if (lastMs === null || route.repeatIntervalMs === Number.POSITIVE_INFINITY)
      return Number.POSITIVE_INFINITY;
    if (this.#repeatable(group).length === 0) return Number.POSITIVE_INFINITY;
    return Math.max(lastMs + route.repeatIntervalMs, group.repeatMutedUntilMs);
  }

  /** What the receiver knows of, is open, and nobody has acknowledged; news of it is told as such, when it is due. */
  #repeatable({ members }: AlertGroup): AlertRecord[] {
    return [...members].flatMap(([alertId, { told, waiting }]) => {
      const alert = told && waiting.length === 0 ? this.#open.get(alertId) : undefined;
      return alert && alert.acknowledgedBy === '' && alert.state !== 'pending' ? [alert] : [];
    });
  }

  #muted(route: Route, alert: AlertRecord): Muted | null {
    return this.#muting.mutedOn(route, this.#nowMs) ?? this.#muting.mutedFor(alert, this.#nowMs);
  }

  /** What of the group's waiting transitions is to be told now; what is muted goes on waiting, as its newest. */
  #ready(group: AlertGroup): Ready[] {
    if (this.#waitingDueMs(group) > this.#nowMs) return [];
    const ready: Ready[] = [];
    let mutedUntilMs = Number.POSITIVE_INFINITY;
    let waits = false;
    for (const [alertId, member] of group.members) {
      const newest = member.waiting.at(-1);
      if (!newest) continue;
      const over = newest.state === 'resolved';
      const muted = this.#muted(group.route, newest);
      if (over && !member.told && (muted || member.wasMuted || group.labels)) group.members.delete(alertId);
      else if (muted && !over) {
        member.waiting = [newest];
        member.wasMuted = true;
        mutedUntilMs = Math.min(mutedUntilMs, muted.untilMs);
        waits = true;
      } else {
        const asItStands = muted !== null || member.wasMuted || group.labels !== null;
        ready.push({ group, alertId, member, alerts: asItStands ? [newest] : member.waiting });
      }
    }
    if (waits) group.waitingMutedUntilMs = mutedUntilMs;
    else group.waitingSinceMs = null;
    this.#touch(group);
    return ready;
  }

  #done({ group, alertId, member }: Ready): void {
    const over = member.waiting.at(-1)?.state === 'resolved';
    member.told = true;
    member.waiting = [];
    member.wasMuted = false;
    if (over) group.members.delete(alertId);
    group.lastMs = this.#nowMs;
    this.#touch(group);
  }

  #tellTogether(group: AlertGroup): Telling[] {
    const ready = this.#ready(group);
    if (ready.length === 0) return this.#repeat([group]);
    const changed = ready.flatMap(({ alerts }) => alerts);
    const waiting = new Set(ready.map(({ alertId }) => alertId));
    const others = [...group.members].flatMap(([alertId, { told }]) => {
      const alert = told && !waiting.has(alertId) ? this.#open.get(alertId) : undefined;
      return alert && !this.#muted(group.route, alert) ? [alert] : [];
    });
    for (const one of ready) this.#done(one);
    return [tellingOf(group, 'changed', group.labels ?? {}, changed, others)];
  }

  /** Groups of one alert, all of one lane: each transition on its own, or all together in a storm. */
  #tellEach(groups: readonly AlertGroup[]): Telling[] {
    const ready = groups.flatMap((group) => this.#ready(group));
    const [first] = ready;
    const changed = new Set(ready.map((one) => one.group));
    const repeated = this.#repeat(groups.filter((one) => !changed.has(one)));
    if (!first) return repeated;
    const { group } = first;
    const lane = laneOf(group);
    const { storm } = group.route;
    const transitions = ready
      .flatMap(({ alerts }) => alerts)
      .sort((a, b) => a.timeMs - b.timeMs || (a.alertId < b.alertId ? -1 : 1) || a.sequence - b.sequence);
    const isStorm = transitions.length > storm.above;
    const newest = isStorm
      ? ready.flatMap(({ member, alerts }) => {
          const alert = alerts.at(-1);
          return alert && (member.told || alert.state !== 'resolved') ? [alert] : [];
        })
      : [];
    for (const one of ready) this.#done(one);
    if (isStorm) this.#storms.set(lane, this.#nowMs + storm.interval);
    if (isStorm || this.#storms.has(lane)) this.#changed.add(`l|${lane}`);
    if (!isStorm) this.#storms.delete(lane);
    const told = isStorm
      ? newest.length > 0
        ? [tellingOf(group, 'changed', {}, newest, [])]
        : []
      : transitions.map((alert) => tellingOfOne(group, 'changed', alert));
    return [...told, ...repeated];
  }

  #repeat(groups: readonly AlertGroup[]): Telling[] {
    const tellings: Telling[] = [];
    const single: AlertRecord[] = [];
    let lane: AlertGroup | undefined;
    for (const group of groups) {
      if (this.#repeatDueMs(group) > this.#nowMs) continue;
      let mutedUntilMs = Number.POSITIVE_INFINITY;
      const alerts = this.#repeatable(group).filter((alert) => {
        const muted = this.#muted(group.route, alert);
        if (muted) mutedUntilMs = Math.min(mutedUntilMs, muted.untilMs);
        return !muted;
      });
      if (alerts.length === 0) {
        group.repeatMutedUntilMs = mutedUntilMs;
        continue;
      }
      group.lastMs = this.#nowMs;
      this.#touch(group);
      if (group.labels) tellings.push(tellingOf(group, 'repeated', group.labels, [], alerts));
      else {
        lane = group;
        single.push(...alerts);
      }
    }
    if (lane && single.length > lane.route.storm.above)
      tellings.push(tellingOf(lane, 'repeated', {}, [], single));
    else if (lane) for (const alert of single) tellings.push(tellingOfOne(lane, 'repeated', alert));
    return tellings;
  }

  /** An empty group is forgotten. */
  #touch(group: AlertGroup): void {
    if (group.members.size === 0) this.#groups.delete(group.key);
    this.#changed.add(`g|${group.key}`);
  }
}

function tellingOfOne(group: AlertGroup, reason: Telling['reason'], alert: AlertRecord): Telling {
  return {
    key: reason === 'changed' ? alert.dedupeKey : `${alert.dedupeKey}/again`,
    notifier: group.notifier,
    group: null,
    reason,
    alerts: [alert],
    changed: reason === 'changed' ? 1 : 0,
    omitted: 0,
    summary: alert.summary,
  };
}

function tellingOf(
  group: AlertGroup,
  reason: Telling['reason'],
  labels: Readonly<Record<string, string>>,
  changed: readonly AlertRecord[],
  others: readonly AlertRecord[],
): Telling {
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
