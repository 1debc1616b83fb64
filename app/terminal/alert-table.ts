/** Alerts on a terminal. */
import type { AlertsWire } from '../../infra/http/wire.js';
import { formatTime } from './format.js';
import { formatTable } from './table.js';

export function formatAlerts({ alerts }: AlertsWire): string {
  if (alerts.length === 0) return 'no alerts';
  const titles = ['id', 'state', 'severity', 'since', 'acknowledged', 'assigned'];
  return formatTable(
    titles.map((title) => ({ title })),
    alerts.map(({ alertId, state, severity, sinceMs, acknowledgedBy, assignedTo = '' }) => [
      alertId,
      state.replace('-', ' '),
      severity,
      formatTime(sinceMs),
      acknowledgedBy,
      assignedTo,
    ]),
  );
}
