/**
 * Decides when which receiver is told what: routes, grouping, muting, repetition, storms, as Alertmanager does, in
 * plant time. A plain object that reads no clock: transitions, silences and the time go in, notifications come out.
 *
 * Muted is what would be new. The end of what a receiver was told is told always; what ended before it was told is
 * not told at all, and what is open when the muting ends is told then, at its present state.
 */
import type { AlertRecord } from '../domain/alert.js';
import type { SilenceRecord } from '../domain/silence.js';
import { type AlertGroup, type GroupEntry, type Member, newMember } from './alert-group.js';
import type { AlertsConfig } from './config.js';
import { type DispatchEntry, DispatchState } from './dispatch-state.js';
import { Muting } from './muting.js';
import { decideRoute, decideRouteOfOpen, makeRouting, type Route, type Routing, routesTo } from './route.js';
import { Teller } from './teller.js';
import type { Telling } from './telling.js';

/** A silence that is over can be looked at this long. */
const silenceKeptMs = 5 * 86_400_000;

interface Place {
  readonly routes: readonly Route[];
  readonly group: AlertGroup;
}

export class Dispatcher {
  readonly #routing: Routing;
  readonly #muting: Muting;
  readonly #state = new DispatchState();
  readonly #teller: Teller;

  /** `timeZone`: of time intervals that name none. */
  constructor(config: AlertsConfig, timeZone: string) {
    this.#routing = makeRouting(config);
    this.#muting = new Muting(config, timeZone, this.#routing.labelsOf);
    this.#teller = new Teller(this.#state, this.#muting);
  }

  /** The moment from which `advance` may have something to tell. */
  get dueMs(): number {
    return this.#state.groups.dueMs;
  }

  noteSilence(silence: SilenceRecord): void {
    this.#state.noteSilence(silence);
    this.#muting.noteSilence(silence);
    this.#state.groups.lookAgain();
  }

  noteAlert(alert: AlertRecord): void {
    const { alertId, sequence, state } = alert;
    const known = this.#state.open.get(alertId);
    if (known !== undefined && sequence <= known.sequence) return;
    this.#state.noteAlert(alert);
    if (this.#muting.noteAlert(alert)) this.#state.groups.lookAgain();
    // One whose beginning was not seen is told as it stands.
    const asItStands = known === undefined && sequence > 0 && state !== 'resolved';
    const decide = asItStands ? decideRouteOfOpen : decideRoute;
    for (const notifier of this.#routing.notifiers) this.#offer(notifier, alert, decide);
  }

  /** What is to be told by this time. Time never goes back. */
  advance(timeMs: number): Telling[] {
    this.#state.advanceTo(timeMs);
    for (const { id, endsMs } of this.#state.silences.values())
      if (endsMs + silenceKeptMs <= this.#state.nowMs) {
        this.#state.forgetSilence(id);
        this.#muting.forgetSilence(id);
      }
    return this.#teller.tellDue();
  }

  /** What is kept between restarts: entries that have changed since the last call. */
  changes(): DispatchEntry[] {
    return this.#state.changes();
  }

  /**
   * Takes in what `changes` gave, in any order. The configuration may be another one: receivers that are new are told
   * what is open, those that are gone are forgotten.
   */
  restore(entries: Iterable<DispatchEntry>): void {
    const groups = this.#state.restore(entries);
    for (const silence of this.#state.silences.values()) this.#muting.noteSilence(silence);
    for (const alert of this.#state.open.values()) this.#muting.noteAlert(alert);
    const byKey = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, entry] of byKey) this.#rejoin(key, entry);
    this.#tellNewReceivers();
  }

  /** Every alert of the entry into the group that the configuration puts it into, with what its receiver knows of it. */
  #rejoin(key: string, { notifier, members, waitingSinceMs, lastMs }: GroupEntry): void {
    const { groups, open, nowMs } = this.#state;
    for (const [alertId, member] of members) {
      const alert = open.get(alertId) ?? member.waiting.at(-1);
      const place = alert && (this.#placeOf(notifier, alert) ?? this.#placeAsItFit(notifier, alert, member));
      const group = place?.group;
      if (group) groups.put(group, alertId, member, waitingSinceMs ?? nowMs);
      if (group?.key === key) group.lastMs = lastMs;
      else {
        this.#state.groupChanged(key);
        if (group) groups.touch(group);
      }
    }
  }

  #tellNewReceivers(): void {
    const open = [...this.#state.open.values()].sort(
      (a, b) => a.timeMs - b.timeMs || (a.alertId < b.alertId ? -1 : 1),
    );
    for (const alert of open)
      for (const notifier of this.#routing.notifiers) {
        if (this.#state.groups.holderOf(notifier, alert.alertId)) continue;
        const place = this.#placeOf(notifier, alert);
        if (place && decideRouteOfOpen(this.#routing, place.routes, alert) === 'tell')
          this.#wait(place.group, { ...newMember(false), fitAs: changingOf(alert) }, alert);
      }
  }

  /** An alert that no route leads to the receiver any more is forgotten, unless it was told: then so is its end. */
  #offer(notifier: string, alert: AlertRecord, decide: typeof decideRoute): void {
    const { groups, nowMs } = this.#state;
    const holder = groups.holderOf(notifier, alert.alertId);
    const known = holder?.members.get(alert.alertId);
    const fitting = this.#placeOf(notifier, alert);
    const place = fitting ?? this.#placeAsItFit(notifier, alert, known);
    if (!place) {
      if (holder) groups.remove(holder, alert.alertId);
      return;
    }
    const { routes, group } = place;
    const decision = decide(this.#routing, routes, alert, known !== undefined);
    if (decision === 'below-severity') return;
    const member = known ?? newMember(decision !== 'tell');
    if (fitting) member.fitAs = changingOf(alert);
    if (decision === 'tell') this.#wait(group, member, alert);
    else {
      // In scope from now on, though there is nothing to tell of this.
      groups.put(group, alert.alertId, member, nowMs);
      if (alert.state === 'resolved') groups.remove(group, alert.alertId);
      groups.touch(group);
    }
  }

  /** Where the alert belongs: the routes that lead from it to the receiver, and the group by the first; undefined: there are none. */
  #placeOf(notifier: string, alert: AlertRecord): Place | undefined {
    const labels = this.#routing.labelsOf(alert);
    const routes = routesTo(this.#routing, notifier, alert, labels);
    const [route] = routes;
    return route && { routes, group: this.#state.groups.of(notifier, route, alert, labels) };
  }

  /** Where a receiver was told of it when a route last led there. */
  #placeAsItFit(notifier: string, alert: AlertRecord, member: Member | undefined): Place | undefined {
    return member?.told && member.fitAs ? this.#placeOf(notifier, { ...alert, ...member.fitAs }) : undefined;
  }

  #wait(group: AlertGroup, member: Member, alert: AlertRecord): void {
    const { groups, nowMs } = this.#state;
    member.waiting.push(alert);
    groups.put(group, alert.alertId, member, nowMs);
    groups.touch(group);
  }
}

/** What of its labels changes in the life of an alert. */
const changingOf = ({ severity, state }: AlertRecord): NonNullable<Member['fitAs']> => ({ severity, state });
