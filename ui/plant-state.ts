/**
 * What the page knows of the plant: the fleet, its open alerts, plant time and the state of the line. Changes of
 * one animation frame are told once.
 */
import { useLayoutEffect, useState } from 'preact/hooks';
import { wallClock } from '../domain/clock.js';
import type {
  AlertsWire,
  AlertWire,
  EventWire,
  FleetWire,
  ForecastWire,
  MachineTypeWire,
  PlantWire,
  UpdateWire,
} from '../infra/http/wire.js';
import { ApiError, getJson } from './client.js';
import { LiveConnection } from './live.js';

/** Replaced, never changed, when something about the machine changes. */
export interface Row {
  readonly forecast: ForecastWire;
  readonly alerts: readonly AlertWire[];
}

export type LineState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** Wall-clock time of the last word from the server. */
  | { readonly kind: 'lost'; readonly lastHeardMs: number };

const noticesMax = 3;
const noticeMs = 20_000;

export class PlantState {
  plant: PlantWire | undefined;
  /** Plant time. */
  timeMs = 0;
  line: LineState = { kind: 'connecting' };
  loading: 'loading' | 'loaded' | 'failed' = 'loading';
  failure = '';
  readonly rows = new Map<string, Row>();
  /** Counts the alert transitions seen, so that views of alerts know when to look again. */
  alertChangeCount = 0;
  /** Machines were in service once, though perhaps none is now. */
  everSawMachines = false;
  /** Newest failures seen since the page was opened, newest first. */
  notices: readonly EventWire[] = [];
  readonly #alerts = new Map<string, Map<string, AlertWire>>();
  readonly #listeners = new Set<() => void>();
  readonly #live = new LiveConnection({
    reload: () => void this.reload(),
    update: (update) => this.#apply(update),
    beat: (timeMs) => this.#heard(timeMs),
    connected: () => {
      this.line = { kind: 'live' };
      this.#lastHeardMs = wallClock.nowMs();
      this.#changed();
    },
    lost: () => {
      this.line = { kind: 'lost', lastHeardMs: this.#lastHeardMs };
      if (this.loading === 'loading') this.#fail('the server does not answer; is millwright running?');
      this.#changed();
    },
  });
  #lastHeardMs = wallClock.nowMs();
  #frame = 0;
  /** While a reload is under way, updates wait: what is loaded may be older than they are. */
  #waiting: UpdateWire[] | undefined;

  start(): void {
    this.#live.open();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async reload(): Promise<void> {
    if (this.#waiting) return;
    this.#waiting = [];
    try {
      const [plant, fleet, past] = await Promise.all([
        getJson<PlantWire>('/api/v1/plant'),
        getJson<FleetWire>('/api/v1/fleet'),
        getJson<AlertsWire>('/api/v1/alerts?limit=1'),
      ]);
      this.plant = plant;
      this.everSawMachines ||= fleet.rows.length > 0 || past.alerts.length > 0;
      this.#replaceFleet(fleet);
      this.loading = 'loaded';
      this.failure = '';
    } catch (error) {
      this.#fail(error instanceof ApiError ? error.message : String(error));
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const update of waiting) this.#apply(update);
    this.alertChangeCount++;
    this.#changed();
  }

  /** Machine type by name; before the plant is known, or for a type this server does not know, plain days. */
  typeOf(name: string): MachineTypeWire {
    return (
      this.plant?.types.find((type) => type.name === name) ?? {
        name,
        description: '',
        stepMs: 86_400_000,
        timeZone: this.timeZone,
        graceMs: 0,
        windowSteps: 30,
        horizonSteps: 30,
        sensorCount: 0,
      }
    );
  }

  get timeZone(): string {
    return this.plant?.types[0]?.timeZone ?? 'UTC';
  }

  /** This page changed an alert itself: views of alerts look again at once. */
  noteAlertChange(): void {
    this.alertChangeCount++;
    this.#changed();
  }

  dismiss(notice: EventWire): void {
    this.notices = this.notices.filter((other) => other !== notice);
    this.#changed();
  }

  #fail(message: string): void {
    this.failure = message;
    if (this.loading === 'loading') this.loading = 'failed';
  }

  #heard(timeMs: number): void {
    this.#lastHeardMs = wallClock.nowMs();
    if (timeMs > this.timeMs) {
      this.timeMs = timeMs;
      this.#changed();
    }
  }

  #replaceFleet(fleet: FleetWire): void {
    this.rows.clear();
    this.#alerts.clear();
    this.timeMs = Math.max(this.timeMs, fleet.timeMs);
    for (const { forecast, alerts } of fleet.rows) {
      this.rows.set(forecast.machine, { forecast, alerts });
      this.#alerts.set(forecast.machine, new Map(alerts.map((alert) => [alert.alertId, alert])));
    }
  }

  #apply(update: UpdateWire): void {
    if (this.#waiting) {
      this.#waiting.push(update);
      return;
    }
    this.#heard(update.timeMs);
    this.everSawMachines ||= update.forecasts.length > 0;
    for (const forecast of update.forecasts) {
      const known = this.rows.get(forecast.machine);
      const older =
        known &&
        (known.forecast.originMs > forecast.originMs ||
          (known.forecast.originMs === forecast.originMs && known.forecast.revision > forecast.revision));
      if (!older) this.rows.set(forecast.machine, { forecast, alerts: this.#alertsOf(forecast.machine) });
    }
    for (const machine of update.gone) this.rows.delete(machine);
    for (const alert of update.alerts) this.#putAlert(alert);
    this.alertChangeCount += update.alerts.length;
    const failures = update.events.filter((event) => event.event === 'failure').reverse();
    if (failures.length > 0) this.notices = [...failures, ...this.notices].slice(0, noticesMax);
    for (const failure of failures) setTimeout(() => this.dismiss(failure), noticeMs);
    this.#changed();
  }

  #putAlert(alert: AlertWire): void {
    const alerts = this.#alerts.get(alert.machine) ?? new Map<string, AlertWire>();
    this.#alerts.set(alert.machine, alerts);
    const known = alerts.get(alert.alertId);
    if (known && known.sequence > alert.sequence) return;
    if (alert.state === 'resolved' || alert.transition === 'cancelled') alerts.delete(alert.alertId);
    else alerts.set(alert.alertId, alert);
    const row = this.rows.get(alert.machine);
    if (row) this.rows.set(alert.machine, { ...row, alerts: this.#alertsOf(alert.machine) });
  }

  #alertsOf(machine: string): readonly AlertWire[] {
    return [...(this.#alerts.get(machine)?.values() ?? [])];
  }

  #changed(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      for (const listener of this.#listeners) listener();
    });
  }
}

/** Renders the calling component again, at most once a frame, whenever the state changes. */
export function usePlant(state: PlantState): void {
  const [, setCount] = useState(0);
  // Before it is painted: a change in between would be missed.
  useLayoutEffect(() => state.subscribe(() => setCount((count) => count + 1)), [state]);
}
