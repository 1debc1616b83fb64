/** Tells receivers what is due: what waits in their groups and is not muted, and what is open still and to be repeated. */
import type { AlertRecord } from '../domain/alert.js';
import { type AlertGroup, laneOf, type Member } from './alert-group.js';
import type { DispatchState } from './dispatch-state.js';
import { repeatable, repeatDueMs, waitingDueMs } from './group-due.js';
import type { Muted, Muting } from './muting.js';
import { type Telling, tellingOf, tellingOfOne } from './telling.js';

/** What one member is to be told. */
interface Ready {
  readonly group: AlertGroup;
  readonly alertId: string;
  readonly member: Member;
  readonly alerts: readonly AlertRecord[];
}

export class Teller {
  readonly #state: DispatchState;
  readonly #muting: Muting;

  constructor(state: DispatchState, muting: Muting) {
    this.#state = state;
    this.#muting = muting;
  }

  /** All that is due now. */
  tellDue(): Telling[] {
    const { groups, nowMs } = this.#state;
    /** Where alerts are told together, a group; where each is told on its own, those of a lane. */
    const together = new Map<string, AlertGroup[]>();
    for (const group of groups.takeDue(nowMs)) {
      const key = group.labels ? group.key : laneOf(group);
      const others = together.get(key);
      if (others) others.push(group);
      else together.set(key, [group]);
    }
    return [...together.values()].flatMap((due) =>
      due[0]?.labels ? this.#tellTogether(due[0]) : this.#tellEach(due),
    );
  }

  #tellTogether(group: AlertGroup): Telling[] {
    const ready = this.#ready(group);
    if (ready.length === 0) return this.#repeat([group]);
    const changed = ready.flatMap(({ alerts }) => alerts);
    const waiting = new Set(ready.map(({ alertId }) => alertId));
    const others = [...group.members].flatMap(([alertId, { told }]) => {
      const alert = told && !waiting.has(alertId) ? this.#state.open.get(alertId) : undefined;
      return alert && !this.#muted(group, alert) ? [alert] : [];
    });
    for (const one of ready) this.#done(one);
    return [tellingOf(group, 'changed', changed, others)];
  }

  /** Groups of one alert, all of one lane: each transition on its own, or all together in a storm. */
  #tellEach(groups: readonly AlertGroup[]): Telling[] {
    const ready = groups.flatMap((group) => this.#ready(group));
    const [first] = ready;
    const changed = new Set(ready.map((one) => one.group));
    const repeated = this.#repeat(groups.filter((one) => !changed.has(one)));
    if (!first) return repeated;
    const { group } = first;
    const { storm } = group.route;
    const transitions = ready
      .flatMap(({ alerts }) => alerts)
      .sort((a, b) => a.timeMs - b.timeMs || (a.alertId < b.alertId ? -1 : 1) || a.sequence - b.sequence);
    const isStorm = transitions.length > storm.above;
    if (isStorm) this.#state.beginStorm(laneOf(group), this.#state.nowMs + storm.interval);
    else this.#state.endStorm(laneOf(group));
    const newest = ready.flatMap(({ member, alerts }) => {
      const alert = alerts.at(-1);
      return alert && (member.told || alert.state !== 'resolved') ? [alert] : [];
    });
    for (const one of ready) this.#done(one);
    if (!isStorm) return [...transitions.map((alert) => tellingOfOne(group, 'changed', alert)), ...repeated];
    return newest.length > 0 ? [tellingOf(group, 'changed', newest, []), ...repeated] : repeated;
  }

  /** What of the group's waiting transitions is to be told now; what is muted goes on waiting, as its newest. */
  #ready(group: AlertGroup): Ready[] {
    const { groups, nowMs } = this.#state;
    if (waitingDueMs(group, this.#state.stormUntilMs(laneOf(group))) > nowMs) return [];
    const ready: Ready[] = [];
    let mutedUntilMs = Number.POSITIVE_INFINITY;
    let waits = false;
    for (const [alertId, member] of group.members) {
      const newest = member.waiting.at(-1);
      if (!newest) continue;
      const over = newest.state === 'resolved';
      const muted = this.#muted(group, newest);
      if (over && !member.told && (muted || member.wasMuted || group.labels)) groups.remove(group, alertId);
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
    if (waits) groups.mute(group, 'waiting', mutedUntilMs);
    else group.waitingSinceMs = null;
    groups.touch(group);
    return ready;
  }

  #done({ group, alertId, member }: Ready): void {
    const over = member.waiting.at(-1)?.state === 'resolved';
    member.told = true;
    member.waiting = [];
    member.wasMuted = false;
    group.lastMs = this.#state.nowMs;
    if (over) this.#state.groups.remove(group, alertId);
    else this.#state.groups.touch(group);
  }

  #repeat(due: readonly AlertGroup[]): Telling[] {
    const { groups, open, nowMs } = this.#state;
    const tellings: Telling[] = [];
    const single: AlertRecord[] = [];
    let lane: AlertGroup | undefined;
    for (const group of due) {
      if (repeatDueMs(group, open) > nowMs) continue;
      let mutedUntilMs = Number.POSITIVE_INFINITY;
      const alerts = repeatable(group, open).filter((alert) => {
        const muted = this.#muted(group, alert);
        if (muted) mutedUntilMs = Math.min(mutedUntilMs, muted.untilMs);
        return !muted;
      });
      if (alerts.length === 0) {
        groups.mute(group, 'repeat', mutedUntilMs);
        continue;
      }
      group.lastMs = nowMs;
      groups.touch(group);
      if (group.labels) tellings.push(tellingOf(group, 'repeated', [], alerts));
      else {
        lane = group;
        single.push(...alerts);
      }
    }
    if (lane && single.length > lane.route.storm.above)
      tellings.push(tellingOf(lane, 'repeated', [], single));
    else if (lane) for (const alert of single) tellings.push(tellingOfOne(lane, 'repeated', alert));
    return tellings;
  }

  #muted({ route }: AlertGroup, alert: AlertRecord): Muted | null {
    const { nowMs } = this.#state;
    return this.#muting.mutedOn(route, nowMs) ?? this.#muting.mutedFor(alert, nowMs);
  }
}
