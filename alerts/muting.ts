/** Why an alert is not told although it is there: silences, maintenance windows, mute times, and other alerts. */
import type { AlertRecord } from '../domain/alert.js';
import type { SilenceRecord } from '../domain/silence.js';
import type { AlertsConfig } from './config.js';
import type { Labels } from './labels.js';
import { fitsAll, type Matcher, matchersOf } from './matcher.js';
import type { Route } from './route.js';
import { liesIn, type TimeIntervalConfig } from './time-interval.js';

export interface Muted {
  readonly by: 'silence' | 'maintenance-window' | 'mute-time' | 'inhibition';
  /** Id of the silence, name of the window or interval, id of the other alert. */
  readonly name: string;
  /** Until then nothing changes by time alone. */
  readonly untilMs: number;
}

const minuteMs = 60_000;
/** Time intervals begin and end with a minute. */
const nextMinuteMs = (timeMs: number): number => (Math.floor(timeMs / minuteMs) + 1) * minuteMs;

interface Inhibition {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
  /** Firing alerts that fit `source`, by the values of `equal`: id, and whether it fits `target` too. */
  readonly sources: Map<string, Map<string, boolean>>;
}

export class Muting {
  readonly #intervals: ReadonlyMap<string, TimeIntervalConfig>;
  readonly #windows: readonly { name: string; matchers: readonly Matcher[]; times: readonly string[] }[];
  readonly #inhibitions: readonly Inhibition[];
  readonly #labelsOf: (alert: AlertRecord) => Labels;
  readonly #timeZone: string;
  readonly #silences = new Map<string, { record: SilenceRecord; matchers: readonly Matcher[] }>();

  /** `timeZone`: of intervals that name none. */
  constructor(config: AlertsConfig, timeZone: string, labelsOf: (alert: AlertRecord) => Labels) {
    this.#intervals = new Map((config.timeIntervals ?? []).map((interval) => [interval.name, interval]));
    this.#windows = (config.maintenanceWindows ?? []).map(({ name, match, times }) => ({
      name,
      times,
      matchers: matchersOf(match),
    }));
    this.#inhibitions = (config.inhibit ?? []).map(({ source, target, equal }) => ({
      source: matchersOf(source),
      target: matchersOf(target),
      equal,
      sources: new Map(),
    }));
    this.#labelsOf = labelsOf;
    this.#timeZone = timeZone;
  }

  noteSilence(record: SilenceRecord): void {
    this.#silences.set(record.id, { record, matchers: matchersOf(record.matchers) });
  }

  forgetSilence(id: string): void {
    this.#silences.delete(id);
  }

  /** The newest transition of an alert. True when others may be muted, or not muted any more, by it. */
  noteAlert(alert: AlertRecord): boolean {
    const labels = this.#labelsOf(alert);
    let changed = false;
    for (const { source, target, equal, sources } of this.#inhibitions) {
      const key = valuesOf(equal, labels);
      const ids = sources.get(key) ?? new Map<string, boolean>();
      const inhibits = alert.state === 'firing' && fitsAll(source, labels);
      changed ||= inhibits !== ids.has(alert.alertId);
      if (inhibits) sources.set(key, ids.set(alert.alertId, fitsAll(target, labels)));
      else if (ids.delete(alert.alertId) && ids.size === 0) sources.delete(key);
    }
    return changed;
  }

  /** By what holds for every receiver. */
  mutedFor(alert: AlertRecord, nowMs: number): Muted | null {
    const labels = this.#labelsOf(alert);
    return (
      this.#silenced(labels, nowMs) ?? this.#inMaintenance(labels, nowMs) ?? this.#inhibited(alert, labels)
    );
  }

  /** By the times of a route. */
  mutedOn({ muteTimes, activeTimes }: Route, nowMs: number): Muted | null {
    const mute = muteTimes.find((name) => this.#isIn(name, nowMs));
    const inactive = activeTimes.some((name) => this.#isIn(name, nowMs)) ? undefined : activeTimes[0];
    const name = mute ?? inactive;
    return name === undefined ? null : { by: 'mute-time', name, untilMs: nextMinuteMs(nowMs) };
  }

  #silenced(labels: Labels, nowMs: number): Muted | null {
    let last: SilenceRecord | undefined;
    for (const { record, matchers } of this.#silences.values())
      if (record.startsMs <= nowMs && nowMs < record.endsMs && fitsAll(matchers, labels))
        if (last === undefined || record.endsMs > last.endsMs) last = record;
    return last ? { by: 'silence', name: last.id, untilMs: last.endsMs } : null;
  }

  #inMaintenance(labels: Labels, nowMs: number): Muted | null {
    const window = this.#windows.find(
      ({ matchers, times }) => fitsAll(matchers, labels) && times.some((name) => this.#isIn(name, nowMs)),
    );
    return window ? { by: 'maintenance-window', name: window.name, untilMs: nextMinuteMs(nowMs) } : null;
  }

  /** No alert inhibits itself, nor do two that fit both sides inhibit each other. */
  #inhibited(alert: AlertRecord, labels: Labels): Muted | null {
    for (const { source, target, equal, sources } of this.#inhibitions) {
      if (!fitsAll(target, labels)) continue;
      const fitsBoth = fitsAll(source, labels);
      for (const [alertId, isTarget] of sources.get(valuesOf(equal, labels)) ?? [])
        if (alertId !== alert.alertId && !(fitsBoth && isTarget))
          return { by: 'inhibition', name: alertId, untilMs: Number.POSITIVE_INFINITY };
    }
    return null;
  }

  #isIn(name: string, nowMs: number): boolean {
    const interval = this.#intervals.get(name);
    return interval !== undefined && liesIn(interval, interval.timeZone ?? this.#timeZone, nowMs);
  }
}

function valuesOf(names: readonly string[], labels: Labels): string {
  return JSON.stringify(names.map((name) => labels[name] ?? ''));
}
