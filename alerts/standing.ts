/**
 * What stands, as one receiver knows it: alerts by the labels that it tells them apart by. Of these the severity is one, so
 * that an alert which is raised ends under one severity and begins under another.
 *
 * What is over is kept for a while and told again, too: a receiver that forgets may have forgotten that it was told so.
 */
import type { AlertRecord } from '../domain/alert.js';
import type { Labels } from './labels.js';
import type { StandingAlert } from './ports.js';

/** As long as Prometheus repeats what is over (`resolvedRetention` in its rules/alerting.go). */
const endedKeptMs = 15 * 60_000;

/** Labels of an alert that stay the same while it stands with one severity; `alertname` is what Prometheus calls the rule. */
function standingLabels(alert: AlertRecord, labels: Labels): Labels {
  const { rule, state, ...lasting } = labels;
  return { ...lasting, alertname: alert.rule };
}

const keyOf = (labels: Labels): string =>
  JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What is kept between restarts, by key; undefined: it is gone. */
export interface StandingChange {
  readonly key: string;
  readonly value: StandingAlert | undefined;
}

export class Standing {
  readonly #labelsOf: (alert: AlertRecord) => Labels;
  readonly #alerts = new Map<string, StandingAlert>();
  readonly #changed = new Set<string>();

  constructor(labelsOf: (alert: AlertRecord) => Labels) {
    this.#labelsOf = labelsOf;
  }

  /** What the receiver is to be told of a transition. The same one again gives the same. */
  note(alert: AlertRecord, nowMs: number): StandingAlert[] {
    const labels = standingLabels(alert, this.#labelsOf(alert));
    const key = keyOf(labels);
    const stands = alert.state === 'firing' || alert.state === 'not-assessable';
    const told: StandingAlert[] = [];
    for (const [known, one] of this.#alerts) {
      const ends = one.endedMs === null || one.alert.dedupeKey === alert.dedupeKey;
      if (one.alert.alertId !== alert.alertId || !ends || (stands && known === key)) continue;
      const ended = { ...one, alert, endedMs: one.endedMs ?? nowMs };
      this.#put(known, ended);
      told.push(ended);
    }
    if (stands) {
      const standing = { labels, alert, endedMs: null };
      this.#put(key, standing);
      told.push(standing);
    }
    return told;
  }

  /** All that stands or was over a short while ago. */
  all(nowMs: number): StandingAlert[] {
    for (const [key, { endedMs }] of this.#alerts)
      if (endedMs !== null && endedMs + endedKeptMs <= nowMs) this.#put(key, undefined);
    return [...this.#alerts.values()];
  }

  /** Entries that have changed since the last call. */
  changes(): StandingChange[] {
    const changes = [...this.#changed].sort().map((key) => ({ key, value: this.#alerts.get(key) }));
    this.#changed.clear();
    return changes;
  }

  /** Takes in what `changes` gave, except for what `keep` does not let through. */
  restore(entries: Iterable<readonly [string, StandingAlert]>, keep: (alert: AlertRecord) => boolean): void {
    for (const [key, one] of entries) {
      if (keep(one.alert)) this.#alerts.set(key, one);
      else this.#changed.add(key);
    }
  }

  #put(key: string, value: StandingAlert | undefined): void {
    if (value) this.#alerts.set(key, value);
    else this.#alerts.delete(key);
    this.#changed.add(key);
  }
}
