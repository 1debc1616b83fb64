/** A Store in memory, only as good as the page's tests need: it keeps what it is given and sorts when asked. */
import type { AlertRecord } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { StepRecord } from '../../domain/step.js';
import type { FleetRow, Span, Store, StoreBatch } from '../../domain/store.js';

export class FixtureStore implements Store {
  readonly #forecasts = new Map<string, Map<number, ForecastRecord>>();
  readonly #steps = new Map<string, Map<number, StepRecord>>();
  readonly #events = new Map<string, EventRecord[]>();
  readonly #alerts = new Map<string, AlertRecord[]>();
  readonly #openAlerts = new Map<string, Map<string, AlertRecord>>();
  readonly #gone = new Set<string>();

  async write(batch: StoreBatch): Promise<void> {
    for (const step of batch.steps) entryOf(this.#steps, step.machine).set(step.startMs, step);
    for (const forecast of batch.forecasts) {
      entryOf(this.#forecasts, forecast.machine).set(forecast.originMs, forecast);
      this.#gone.delete(forecast.machine);
    }
    for (const alert of batch.alerts) {
      const history = this.#alerts.get(alert.alertId) ?? [];
      history.push(alert);
      this.#alerts.set(alert.alertId, history);
      const open = entryOf(this.#openAlerts, alert.machine);
      if (alert.state === 'resolved') open.delete(alert.alertId);
      else open.set(alert.alertId, alert);
    }
    for (const event of batch.events) {
      const events = this.#events.get(event.machine) ?? [];
      events.push(event);
      this.#events.set(event.machine, events);
      if (event.event === 'failure' || event.event === 'retired') this.#gone.add(event.machine);
    }
  }

  async fleet(): Promise<readonly FleetRow[]> {
    return [...this.#forecasts]
      .filter(([machine]) => !this.#gone.has(machine))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([machine, forecasts]) => ({
        forecast: [...forecasts.values()].reduce((a, b) => (b.originMs > a.originMs ? b : a)),
        alerts: [...(this.#openAlerts.get(machine)?.values() ?? [])],
      }));
  }

  async forecasts(machine: string, span: Span = {}): Promise<readonly ForecastRecord[]> {
    return within([...(this.#forecasts.get(machine)?.values() ?? [])], (item) => item.originMs, span);
  }

  async steps(machine: string, span: Span = {}): Promise<readonly StepRecord[]> {
    return within([...(this.#steps.get(machine)?.values() ?? [])], (item) => item.startMs, span);
  }

  async events(machine: string, span: Span = {}): Promise<readonly EventRecord[]> {
    return within(this.#events.get(machine) ?? [], (item) => item.eventTimeMs, span);
  }

  async alerts(filter: Parameters<Store['alerts']>[0] = {}): Promise<readonly AlertRecord[]> {
    return [...this.#alerts.values()]
      .map((history) => history.at(-1))
      .filter((alert) => alert !== undefined)
      .filter((alert) => filter.machine === undefined || alert.machine === filter.machine)
      .filter((alert) => filter.states === undefined || filter.states.includes(alert.state))
      .sort((a, b) => b.timeMs - a.timeMs)
      .slice(0, filter.limit);
  }

  async alertHistory(alertId: string): Promise<readonly AlertRecord[]> {
    return this.#alerts.get(alertId) ?? [];
  }

  async close(): Promise<void> {}
}

function entryOf<K, V>(maps: Map<string, Map<K, V>>, key: string): Map<K, V> {
  const found = maps.get(key) ?? new Map<K, V>();
  maps.set(key, found);
  return found;
}

function within<T>(items: readonly T[], timeOf: (item: T) => number, span: Span): T[] {
  const { fromMs = -Infinity, toMs = Infinity, limit } = span;
  return items
    .filter((item) => timeOf(item) >= fromMs && timeOf(item) < toMs)
    .sort((a, b) => timeOf(b) - timeOf(a))
    .slice(0, limit);
}
