/** All groups of all receivers: which one has an alert, and which is due next. */
import type { AlertRecord } from '../domain/alert.js';
import { TimeQueue } from '../domain/time-queue.js';
import { type AlertGroup, groupKey, type Member, newGroup } from './alert-group.js';
import type { Labels } from './labels.js';
import type { Route } from './route.js';

export interface GroupsOptions {
  /**
   * The moment at which a group may have something to tell; Infinity: none. Unless the group is put, touched, muted or taken it
   * may grow, but not shrink.
   */
  readonly dueMsOf: (group: AlertGroup) => number;
  /** Told of the key of each group that is not as it was. */
  readonly onChange: (key: string) => void;
}

export class Groups {
  readonly #options: GroupsOptions;
  readonly #byKey = new Map<string, AlertGroup>();
  /** By receiver and alert: no receiver has an alert in two groups. */
  readonly #holders = new Map<string, AlertGroup>();
  readonly #muted = new Set<AlertGroup>();
  readonly #queue = new TimeQueue<AlertGroup>();
  /** Their time in the queue is to be looked at again. */
  readonly #unqueued = new Set<AlertGroup>();

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  get(key: string): AlertGroup | undefined {
    return this.#byKey.get(key);
  }

  /** The group there is, or a new one, which is there once an alert is put into it. */
  of(notifier: string, route: Route, alert: AlertRecord, labels: Labels): AlertGroup {
    return (
      this.#byKey.get(groupKey(notifier, route, alert, labels)) ?? newGroup(notifier, route, alert, labels)
    );
  }

  /** The group in which the receiver has the alert. */
  holderOf(notifier: string, alertId: string): AlertGroup | undefined {
    return this.#holders.get(`${notifier}|${alertId}`);
  }

  /** The alert leaves the group that it was in. What of it waits, waits since `sinceMs`. What was muted may not be all there is now. */
  put(group: AlertGroup, alertId: string, member: Member, sinceMs: number): void {
    const holder = this.holderOf(group.notifier, alertId);
    if (holder && holder !== group) this.remove(holder, alertId);
    group.members.set(alertId, member);
    if (member.waiting.length > 0) group.waitingSinceMs = Math.min(group.waitingSinceMs ?? sinceMs, sinceMs);
    group.waitingMutedUntilMs = Number.NEGATIVE_INFINITY;
    group.repeatMutedUntilMs = Number.NEGATIVE_INFINITY;
    this.#byKey.set(group.key, group);
    this.#holders.set(`${group.notifier}|${alertId}`, group);
    this.#unqueued.add(group);
  }

  /** An empty group is forgotten. */
  remove(group: AlertGroup, alertId: string): void {
    group.members.delete(alertId);
    this.#holders.delete(`${group.notifier}|${alertId}`);
    if (group.members.size === 0) this.#byKey.delete(group.key);
    this.touch(group);
  }

  /** The group, or what is known of its alerts, is not as it was. */
  touch(group: AlertGroup): void {
    this.#unqueued.add(group);
    this.#options.onChange(group.key);
  }

  /** What waits in the group, or what it would repeat, is muted until then. */
  mute(group: AlertGroup, what: 'waiting' | 'repeat', untilMs: number): void {
    if (what === 'waiting') group.waitingMutedUntilMs = untilMs;
    else group.repeatMutedUntilMs = untilMs;
    this.#muted.add(group);
    this.#unqueued.add(group);
  }

  /** What was muted may not be any more. */
  lookAgain(): void {
    for (const group of this.#muted) {
      group.waitingMutedUntilMs = Number.NEGATIVE_INFINITY;
      group.repeatMutedUntilMs = Number.NEGATIVE_INFINITY;
      this.#unqueued.add(group);
    }
    this.#muted.clear();
  }

  /** The moment at which the first group may have something to tell; Infinity: none has. */
  get dueMs(): number {
    for (const group of this.#unqueued) this.#enqueue(group);
    this.#unqueued.clear();
    for (;;) {
      const { first, firstMs } = this.#queue;
      if (first === undefined || this.#enqueue(first) === firstMs) return firstMs;
    }
  }

  /** The groups that are due at this time, in the order of their keys. They are told now. */
  takeDue(timeMs: number): readonly AlertGroup[] {
    const due: AlertGroup[] = [];
    while (this.dueMs <= timeMs) {
      const group = this.#queue.first as AlertGroup;
      this.#queue.delete(group);
      due.push(group);
    }
    for (const group of due) this.#unqueued.add(group);
    return due.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #enqueue(group: AlertGroup): number {
    const isThere = this.#byKey.get(group.key) === group;
    const dueMs = isThere ? this.#options.dueMsOf(group) : Number.POSITIVE_INFINITY;
    if (dueMs === Number.POSITIVE_INFINITY) this.#queue.delete(group);
    else this.#queue.set(group, dueMs);
    return dueMs;
  }
}
