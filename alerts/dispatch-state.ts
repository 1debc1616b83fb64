/** What the dispatcher keeps between restarts, and which of it has changed: open alerts, silences, groups, storms and the time. */
import type { AlertRecord } from '../domain/alert.js';
import type { SilenceRecord } from '../domain/silence.js';
import { entryOf, type GroupEntry, laneOf } from './alert-group.js';
import { type OpenAlerts, repeatDueMs, waitingDueMs } from './group-due.js';
import { Groups } from './groups.js';

/** By key; undefined: it is gone. */
export type DispatchEntry =
  | { readonly key: `o|${string}`; readonly value: AlertRecord | undefined }
  | { readonly key: `s|${string}`; readonly value: SilenceRecord | undefined }
  | { readonly key: `g|${string}`; readonly value: GroupEntry | undefined }
  | { readonly key: `l|${string}`; readonly value: number | undefined }
  | { readonly key: 'time'; readonly value: number };

export class DispatchState {
  readonly groups = new Groups({
    dueMsOf: (group) =>
      Math.min(waitingDueMs(group, this.stormUntilMs(laneOf(group))), repeatDueMs(group, this.#open)),
    onChange: (key) => this.groupChanged(key),
  });
  readonly #open = new Map<string, AlertRecord>();
  readonly #silences = new Map<string, SilenceRecord>();
  readonly #storms = new Map<string, number>();
  readonly #changed = new Set<DispatchEntry['key']>();
  #nowMs = 0;

  get open(): OpenAlerts {
    return this.#open;
  }

  get silences(): ReadonlyMap<string, SilenceRecord> {
    return this.#silences;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** What is told each on its own in the lane waits until then; -Infinity: there is no storm. */
  stormUntilMs(lane: string): number {
    return this.#storms.get(lane) ?? Number.NEGATIVE_INFINITY;
  }

  noteAlert(alert: AlertRecord): void {
    if (alert.state === 'resolved') this.#open.delete(alert.alertId);
    else this.#open.set(alert.alertId, alert);
    this.#changed.add(`o|${alert.alertId}`);
  }

  noteSilence(silence: SilenceRecord): void {
    this.#silences.set(silence.id, silence);
    this.#changed.add(`s|${silence.id}`);
  }

  forgetSilence(id: string): void {
    this.#silences.delete(id);
    this.#changed.add(`s|${id}`);
  }

  beginStorm(lane: string, untilMs: number): void {
    this.#storms.set(lane, untilMs);
    this.#changed.add(`l|${lane}`);
  }

  endStorm(lane: string): void {
    if (this.#storms.delete(lane)) this.#changed.add(`l|${lane}`);
  }

  /** Also of one that is not there any more. */
  groupChanged(key: string): void {
    this.#changed.add(`g|${key}`);
  }

  /** Time never goes back. */
  advanceTo(timeMs: number): void {
    if (timeMs > this.#nowMs) this.#nowMs = timeMs;
    this.#changed.add('time');
  }

  /** Entries that have changed since the last call. */
  changes(): DispatchEntry[] {
    const entries = [...this.#changed]
      .sort()
      .map((key) => ({ key, value: this.#valueOf(key) }) as DispatchEntry);
    this.#changed.clear();
    return entries;
  }

  /** Takes in what `changes` gave, in any order, but for the groups: returns those by their key. */
  restore(entries: Iterable<DispatchEntry>): ReadonlyMap<string, GroupEntry> {
    const groups = new Map<string, GroupEntry>();
    for (const { key, value } of entries) {
      if (value === undefined) continue;
      const name = key.slice(2);
      if (key === 'time') this.#nowMs = value as number;
      else if (key.startsWith('o|')) this.#open.set(name, value as AlertRecord);
      else if (key.startsWith('s|')) this.#silences.set(name, value as SilenceRecord);
      else if (key.startsWith('l|')) this.#storms.set(name, value as number);
      else if (key.startsWith('g|')) groups.set(name, value as GroupEntry);
    }
    return groups;
  }

  #valueOf(key: DispatchEntry['key']): DispatchEntry['value'] {
    const name = key.slice(2);
    if (key === 'time') return this.#nowMs;
    if (key.startsWith('o|')) return this.#open.get(name);
    if (key.startsWith('s|')) return this.#silences.get(name);
    if (key.startsWith('l|')) return this.#storms.get(name);
    const group = this.groups.get(name);
    return group && entryOf(group);
  }
}
