import type { AlertRecord, AlertState } from '../../domain/alert.js';
import { WorldError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { type EventRecord, eventIdentity } from '../../domain/input.js';
import type { StepRecord } from '../../domain/step.js';
import type { FleetRow, Span, Store, StoreBatch } from '../../domain/store.js';
import {
  compareAlerts,
  compareEvents,
  compareText,
  isInSpan,
  isNewerForecast,
  isOpenAlert,
  matchesStates,
  removalMs,
} from './store-rules.js';

interface MachineResults {
  /** By origin and model. */
  readonly forecasts: Map<string, ForecastRecord>;
  newest: ForecastRecord | undefined;
  readonly steps: Map<number, StepRecord>;
  /** By time, kind and code. */
  readonly events: Map<string, EventRecord>;
  removedMs: number;
}

/** The store in memory: for the backtest and for tests without a disk. */
export class MemoryStore implements Store {
  readonly #machines = new Map<string, MachineResults>();
  /** Transitions by alert, then by sequence. */
  readonly #alerts = new Map<string, Map<number, AlertRecord>>();
  #closed = false;

  async write(batch: StoreBatch): Promise<void> {
    this.#checkOpen();
    for (const step of batch.steps) {
      const { steps } = this.#machine(step.machine);
      if (step.revision >= (steps.get(step.startMs)?.revision ?? 0)) steps.set(step.startMs, step);
    }
    for (const forecast of batch.forecasts) {
      const results = this.#machine(forecast.machine);
      const key = `${forecast.originMs}|${forecast.model}`;
      if (forecast.revision < (results.forecasts.get(key)?.revision ?? 0)) continue;
      results.forecasts.set(key, forecast);
      if (isNewerForecast(forecast, results.newest)) results.newest = forecast;
    }
    for (const event of batch.events) {
      const results = this.#machine(event.machine);
      results.events.set(`${event.eventTimeMs}|${eventIdentity(event)}`, event);
      results.removedMs = Math.max(results.removedMs, removalMs(event) ?? -Infinity);
    }
    for (const alert of batch.alerts) {
      const transitions = this.#alerts.get(alert.alertId) ?? new Map<number, AlertRecord>();
      this.#alerts.set(alert.alertId, transitions.set(alert.sequence, alert));
    }
  }

  async fleet(): Promise<readonly FleetRow[]> {
    this.#checkOpen();
    const open = new Map<string, AlertRecord[]>();
    for (const alert of this.#newestAlerts()) {
      if (!isOpenAlert(alert)) continue;
      const beside = open.get(alert.machine);
      if (beside) beside.push(alert);
      else open.set(alert.machine, [alert]);
    }
    const rows: FleetRow[] = [];
    for (const [machine, { newest, removedMs }] of this.#machines)
      if (newest && removedMs <= newest.originMs)
        rows.push({ forecast: newest, alerts: (open.get(machine) ?? []).sort(compareAlerts) });
    return rows.sort((a, b) => compareText(a.forecast.machine, b.forecast.machine));
  }

  async forecasts(machine: string, span: Span = {}): Promise<readonly ForecastRecord[]> {
    this.#checkOpen();
    return [...(this.#machines.get(machine)?.forecasts.values() ?? [])]
      .filter(({ originMs }) => isInSpan(originMs, span))
      .sort((a, b) => b.originMs - a.originMs || compareText(b.model, a.model))
      .slice(0, span.limit);
  }

  async steps(machine: string, span: Span = {}): Promise<readonly StepRecord[]> {
    this.#checkOpen();
    return [...(this.#machines.get(machine)?.steps.values() ?? [])]
      .filter(({ startMs }) => isInSpan(startMs, span))
      .sort((a, b) => b.startMs - a.startMs)
      .slice(0, span.limit);
  }

  async events(machine: string, span: Span = {}): Promise<readonly EventRecord[]> {
    this.#checkOpen();
    return [...(this.#machines.get(machine)?.events.values() ?? [])]
      .filter(({ eventTimeMs }) => isInSpan(eventTimeMs, span))
      .sort(compareEvents)
      .slice(0, span.limit);
  }

  async alerts(
    filter: {
      readonly machine?: string;
      readonly states?: readonly AlertState[];
      readonly limit?: number;
    } = {},
  ): Promise<readonly AlertRecord[]> {
    this.#checkOpen();
    return [...this.#newestAlerts()]
      .filter(
        (alert) =>
          (filter.machine === undefined || alert.machine === filter.machine) &&
          matchesStates(alert, filter.states),
      )
      .sort(compareAlerts)
      .slice(0, filter.limit);
  }

  async alertHistory(alertId: string): Promise<readonly AlertRecord[]> {
    this.#checkOpen();
    return [...(this.#alerts.get(alertId)?.values() ?? [])].sort((a, b) => a.sequence - b.sequence);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  *#newestAlerts(): Generator<AlertRecord> {
    for (const transitions of this.#alerts.values()) {
      let newest: AlertRecord | undefined;
      for (const alert of transitions.values())
        if (!newest || alert.sequence > newest.sequence) newest = alert;
      if (newest) yield newest;
    }
  }

  #machine(machine: string): MachineResults {
    let results = this.#machines.get(machine);
    if (!results) {
      results = {
        forecasts: new Map(),
        newest: undefined,
        steps: new Map(),
        events: new Map(),
        removedMs: -Infinity,
      };
      this.#machines.set(machine, results);
    }
    return results;
  }

  #checkOpen(): void {
    if (this.#closed) throw new WorldError('closed', 'the store is closed', { retryable: false });
  }
}
