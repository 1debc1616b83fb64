/**
 * Every rule over every machine of one partition of `forecasts`, record by record. It knows no bytes: the alert stage reads and
 * writes them, a backtest that tries rules on forecasts in hand needs none. Reads no clock.
 */
import type { AlertRecord } from '../domain/alert.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { EventRecord, TickRecord } from '../domain/input.js';
import type { TopicRecords } from '../domain/topics.js';
import type { Place } from './episode.js';
import { type Rule, rulesFor } from './rule.js';
import {
  advanceByEvent,
  advanceByForecast,
  advanceByTick,
  initialState,
  type Outcome,
  type RuleState,
  tickDueMs,
  withdraw,
} from './state-machine.js';

/** A machine and its rules by name; a rule that never moved has no entry. */
export interface Watched {
  readonly place: Place;
  readonly rules: ReadonlyMap<string, RuleState>;
}

export class PartitionRules {
  readonly #rulesByType: ReadonlyMap<string, readonly Rule[]>;
  readonly #machines = new Map<string, Watched>();
  readonly #changed = new Set<string>();
  #logTimeMs = Number.NEGATIVE_INFINITY;
  /** No tick before this changes anything; may be too early, never too late. */
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(rulesByType: ReadonlyMap<string, readonly Rule[]>) {
    this.#rulesByType = rulesByType;
  }

  /** Newest time that the partition has told of; −Infinity before any. */
  get logTimeMs(): number {
    return this.#logTimeMs;
  }

  /** Goes on from what was known, in whatever order machines come; `logTimeMs` as it was then. */
  restore(machines: Iterable<Watched>, logTimeMs: number): void {
    for (const watched of machines) this.#machines.set(watched.place.machine, watched);
    this.#logTimeMs = logTimeMs;
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  /** The transitions that a record makes. */
  take(record: TopicRecords['forecasts'], offset: number): readonly AlertRecord[] {
    switch (record.kind) {
      case 'forecast':
        return this.#onForecast(record, offset);
      case 'event':
        return this.#onEvent(record);
      case 'tick':
        return this.#onTick(record);
    }
  }

  /** Ends the alerts of rules that are no longer configured, or no longer for this machine. */
  withdrawStrayRules(): AlertRecord[] {
    const alerts: AlertRecord[] = [];
    const machines = [...this.#machines.values()].sort((a, b) =>
      a.place.machine < b.place.machine ? -1 : 1,
    );
    for (const { place, rules } of machines) {
      const inForce = new Set(this.#rulesFor(place).map(({ name }) => name));
      const stray = [...rules].filter(([name]) => !inForce.has(name));
      if (stray.length === 0) continue;
      for (const [name, { open, now }] of stray)
        if (open !== null) alerts.push(withdraw(name, place, open, now, this.#logTimeMs));
      this.#keep({ place, rules: new Map([...rules].filter(([name]) => inForce.has(name))) });
    }
    return alerts;
  }

  /** The machines that have changed since it was last asked, by id. */
  takeChanged(): Watched[] {
    const changed = [...this.#changed].sort().map((machine) => this.#machines.get(machine) as Watched);
    this.#changed.clear();
    return changed;
  }

  #onForecast(forecast: ForecastRecord, offset: number): AlertRecord[] {
    const rules = this.#rulesFor(forecast);
    const logTimeMs = Number.isFinite(this.#logTimeMs) ? this.#logTimeMs : Number.POSITIVE_INFINITY;
    const alerts = this.#advance(forecast, rules, (rule, place, state) =>
      advanceByForecast(rule, place, state, { record: forecast, offset, logTimeMs }),
    );
    if (forecast.status !== 'provisional') this.#hear(forecast.originMs);
    return alerts;
  }

  #onEvent(event: EventRecord): AlertRecord[] {
    this.#hear(event.ingestTimeMs);
    return this.#advance(event, this.#rulesFor(event), (rule, place, state) =>
      advanceByEvent(rule, place, state, event),
    );
  }

  #onTick(tick: TickRecord): AlertRecord[] {
    this.#hear(tick.timeMs);
    if (tick.timeMs < this.#dueMs) return [];
    const due: Watched[] = [];
    for (const watched of this.#machines.values())
      if (this.#dueMsOf(watched) <= tick.timeMs) due.push(watched);
    // In an order that does not depend on which machine was heard of, or restored, first.
    due.sort((a, b) => (a.place.machine < b.place.machine ? -1 : 1));
    const alerts = due.flatMap(({ place }) =>
      this.#advance(place, this.#rulesFor(place), (rule, at, state) => advanceByTick(rule, at, state, tick)),
    );
    this.#dueMs = Number.POSITIVE_INFINITY;
    for (const watched of this.#machines.values())
      this.#dueMs = Math.min(this.#dueMs, this.#dueMsOf(watched));
    return alerts;
  }

  /** Puts one record to each rule of a machine and keeps what changed. */
  #advance(
    record: Place,
    rules: readonly Rule[],
    step: (rule: Rule, place: Place, state: RuleState) => Outcome,
  ): AlertRecord[] {
    if (rules.length === 0) return [];
    const { machine, type, site, line } = record;
    const known = this.#machines.get(machine);
    const place: Place = { machine, type, site, line };
    const states = new Map(known?.rules);
    const alerts: AlertRecord[] = [];
    let changed = false;
    for (const rule of rules) {
      const state = states.get(rule.name) ?? initialState;
      const outcome = step(rule, place, state);
      if (outcome.state === state) continue;
      changed = true;
      states.set(rule.name, outcome.state);
      alerts.push(...outcome.alerts);
      this.#dueMs = Math.min(this.#dueMs, tickDueMs(rule, outcome.state));
    }
    if (changed) this.#keep({ place, rules: states });
    return alerts;
  }

  #rulesFor(place: Place): readonly Rule[] {
    return rulesFor(this.#rulesByType.get(place.type) ?? [], place);
  }

  #dueMsOf({ place, rules }: Watched): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const rule of this.#rulesFor(place)) {
      const state = rules.get(rule.name);
      if (state) dueMs = Math.min(dueMs, tickDueMs(rule, state));
    }
    return dueMs;
  }

  #keep(watched: Watched): void {
    this.#machines.set(watched.place.machine, watched);
    this.#changed.add(watched.place.machine);
  }

  #hear(timeMs: number): void {
    if (timeMs > this.#logTimeMs) this.#logTimeMs = timeMs;
  }
}
