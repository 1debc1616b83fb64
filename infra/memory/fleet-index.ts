/** What the fleet view is made of: small beside the history, so that a store keeps it in memory. */
import type { AlertRecord } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { FleetRow } from '../../domain/store.js';
import { compareAlerts, compareText } from './store-rules.js';

export interface FleetIndex {
  /** By machine. */
  readonly newest: Map<string, ForecastRecord>;
  readonly removedMs: Map<string, number>;
  /** Newest transition of every alert that is not resolved, by alert. */
  readonly open: Map<string, AlertRecord>;
}

/** One row per machine that is not removed, by machine. */
export function fleetRows(index: FleetIndex): FleetRow[] {
  const alerts = new Map<string, AlertRecord[]>();
  for (const alert of index.open.values()) {
    const beside = alerts.get(alert.machine);
    if (beside) beside.push(alert);
    else alerts.set(alert.machine, [alert]);
  }
  const rows: FleetRow[] = [];
  for (const [machine, forecast] of index.newest)
    if ((index.removedMs.get(machine) ?? -Infinity) <= forecast.originMs)
      rows.push({ forecast, alerts: (alerts.get(machine) ?? []).sort(compareAlerts) });
  return rows.sort((a, b) => compareText(a.forecast.machine, b.forecast.machine));
}
