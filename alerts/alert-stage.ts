/**
 * Topic `forecasts` → topic `alerts`: runs every rule over every machine of a partition. Reads no clock.
 *
 * State entries: one per machine (`m|MACHINE`: place and the state of each rule) and the newest time the partition
 * has told of (`time`). Restoring them in any order and going on gives the same bytes as never having stopped.
 */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../domain/alert.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { EventRecord, TickRecord } from '../domain/input.js';
import type {
  Batch,
  Checkpoint,
  NewRecord,
  PartitionHandler,
  PartitionId,
  StateEntry,
} from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import type { AlertsConfig } from './config.js';
import type { Place } from './episode.js';
import { bindRules, type Rule, rulesFor } from './rule.js';
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

export interface AlertStageOptions {
  readonly config: AlertsConfig;
  readonly types: readonly MachineType[];
  /** A checkpoint is due after this many records without one, and whenever there are transitions. Default 1,000. */
  readonly checkpointRecords?: number;
  /** Sees every transition once it is in a checkpoint's outputs: for metrics. */
  readonly onTransition?: (alert: AlertRecord) => void;
}

/** Throws UserError when a rule does not fit a machine type. */
export function makeAlertStage(options: AlertStageOptions): (partition: PartitionId) => PartitionHandler {
  const rulesByType = bindRules(options.config, options.types);
  return ({ partition }) => new AlertHandler(partition, rulesByType, options);
}

/** A machine and its rules by name; a rule that never moved has no entry. */
interface Watched {
  readonly place: Place;
  readonly rules: ReadonlyMap<string, RuleState>;
}

function encodeWatched({ place, rules }: Watched): Buffer {
  return Buffer.from(JSON.stringify({ place, rules: [...rules] }));
}

function decodeWatched(value: Buffer): Watched {
  const { place, rules } = JSON.parse(value.toString('utf8')) as {
    place: Place;
    rules: [string, RuleState][];
  };
  return { place, rules: new Map(rules) };
}

const machinePrefix = 'm|';
const timeKey = 'time';

class AlertHandler implements PartitionHandler {
  readonly #partition: number;
  readonly #rulesByType: ReadonlyMap<string, readonly Rule[]>;
  readonly #checkpointRecords: number;
  readonly #onTransition: (alert: AlertRecord) => void;
  readonly #machines = new Map<string, Watched>();
  readonly #dirty = new Set<string>();
  #logTimeMs = Number.NEGATIVE_INFINITY;
  /** No tick before this changes anything; may be too early, never too late. */
  #dueMs = Number.POSITIVE_INFINITY;
  #recordsSinceCheckpoint = 0;
  /** Rules may have changed since the state was written. */
  #restored = false;

  constructor(
    partition: number,
    rulesByType: ReadonlyMap<string, readonly Rule[]>,
    { checkpointRecords = 1000, onTransition = () => {} }: AlertStageOptions,
  ) {
    this.#partition = partition;
    this.#rulesByType = rulesByType;
    this.#checkpointRecords = checkpointRecords;
    this.#onTransition = onTransition;
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    for (const { key, value } of state) {
      if (key === timeKey) this.#logTimeMs = Number(value.toString('utf8'));
      else this.#machines.set(key.slice(machinePrefix.length), decodeWatched(value));
    }
    this.#restored = true;
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  process(batch: Batch): Promise<Checkpoint | null> {
    const alerts: AlertRecord[] = this.#restored ? this.#withdrawStrayRules() : [];
    this.#restored = false;
    for (const record of batch.records) {
      const input = decodeRecord(topics.forecasts, record);
      switch (input.kind) {
        case 'forecast':
          alerts.push(...this.#onForecast(input, record.offset));
          break;
        case 'event':
          alerts.push(...this.#onEvent(input));
          break;
        case 'tick':
          alerts.push(...this.#onTick(input));
          break;
      }
    }
    this.#recordsSinceCheckpoint += batch.records.length;
    for (const alert of alerts) this.#onTransition(alert);
    const last = batch.records.at(-1);
    const due = alerts.length > 0 || this.#recordsSinceCheckpoint >= this.#checkpointRecords;
    return Promise.resolve(due && last !== undefined ? this.#checkpoint(last.offset + 1, alerts) : null);
  }

  close(): void {
    this.#machines.clear();
    this.#dirty.clear();
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

  /** Ends the alerts of rules that are no longer configured, or no longer for this machine. */
  #withdrawStrayRules(): AlertRecord[] {
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

  #keep(watched: Watched): void {
    this.#machines.set(watched.place.machine, watched);
    this.#dirty.add(watched.place.machine);
  }

  #hear(timeMs: number): void {
    if (timeMs > this.#logTimeMs) this.#logTimeMs = timeMs;
  }

  #checkpoint(nextOffset: number, alerts: readonly AlertRecord[]): Checkpoint {
    const outputs: NewRecord[] = alerts.map((alert) => encodeRecord(topics.alerts, this.#partition, alert));
    const state: StateEntry[] = [...this.#dirty].sort().map((machine) => ({
      key: machinePrefix + machine,
      value: encodeWatched(this.#machines.get(machine) as Watched),
    }));
    if (Number.isFinite(this.#logTimeMs))
      state.push({ key: timeKey, value: Buffer.from(String(this.#logTimeMs)) });
    this.#dirty.clear();
    this.#recordsSinceCheckpoint = 0;
    return { nextOffset, outputs, state };
  }
}
