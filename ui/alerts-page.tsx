import { useEffect, useMemo, useState } from 'preact/hooks';
import { severityRank } from '../infra/http/present.js';
import type { AlertDetailWire, AlertsWire, AlertWire, SilencesWire } from '../infra/http/wire.js';
import { AlertCard } from './alert-card.js';
import { alertApiPath } from './client.js';
import { useKeys } from './keyboard.js';
import type { PlantState } from './plant-state.js';
import { alertPath, machinePath, navigate, setQuery } from './router.js';
import { SilenceList } from './silences.js';
import { useReloading } from './use-reloading.js';

const shown = {
  open: { label: 'Open', query: 'state=firing,pending,not-assessable&limit=500' },
  resolved: { label: 'Resolved', query: 'state=resolved&limit=200' },
  all: { label: 'All', query: 'limit=500' },
} as const;
type Shown = keyof typeof shown;
const isShown = (word: string): word is Shown => word in shown;

export function AlertsPage(props: {
  readonly state: PlantState;
  readonly alertId: string | undefined;
  readonly show: string;
}) {
  const { state, alertId } = props;
  const show = isShown(props.show) ? props.show : 'open';
  const { data, failure } = useReloading<AlertsWire>(
    alertId === undefined ? `/api/v1/alerts?${shown[show].query}` : undefined,
    state.alertChangeCount,
  );
  const single = useReloading<AlertDetailWire>(
    alertId === undefined ? undefined : alertApiPath(alertId),
    state.alertChangeCount,
  );
  const silences = useReloading<SilencesWire>('/api/v1/silences', state.alertChangeCount).data;
  const alerts = useMemo(
    () => sortAlerts(alertId === undefined ? data?.alerts : single.data && [single.data.alert]),
    [data, single.data, alertId],
  );
  const [selectedId, setSelectedId] = useState('');
  const index = alerts?.findIndex((alert) => alert.alertId === selectedId) ?? -1;
  const select = (next: number) => {
    const alert = alerts?.[Math.min(alerts.length - 1, Math.max(0, next))];
    if (alert) setSelectedId(alert.alertId);
  };
  useKeys({
    j: () => select(index + 1),
    k: () => select(index < 0 ? 0 : index - 1),
    Enter: () => {
      const alert = alerts?.[index];
      if (alert) navigate(alertId === undefined ? alertPath(alert.alertId) : machinePath(alert.machine));
    },
    Escape: () => navigate(alertId === undefined ? '/' : '/alerts'),
  });
  useEffect(() => {
    document.querySelector('.alert.selected')?.scrollIntoView({ block: 'nearest' });
  }, [selectedId]);

  const problem = alertId === undefined ? failure : single.failure;
  return (
    <section class="page">
      <div class="page-head">
        {alertId === undefined ? (
          <h1>Alerts</h1>
        ) : (
          <h1>
            <a href="/alerts">Alerts</a> <span class="muted">/ {alertId}</span>
          </h1>
        )}
        <span class="spacer" />
        {alertId === undefined && (
          <div class="tabs" role="toolbar" aria-label="Which alerts">
            {Object.entries(shown).map(([name, { label }]) => (
              <button
                key={name}
                type="button"
                aria-pressed={name === show}
                onClick={() => setQuery('show', name === 'open' ? '' : name)}
              >
                {label}
              </button>
            ))}
          </div>
        )}
      </div>
      {problem !== '' && (
        <p class="form-error" role="alert">
          {problem}
        </p>
      )}
      {alerts === undefined && problem === '' && <p class="muted">Loading…</p>}
      {alerts?.length === 0 && (
        <div class="message">
          <h2>{show === 'open' ? 'No alert is open' : 'No alert yet'}</h2>
          <p>
            Alerts come from the rules of the configuration. What each machine’s forecast is now stands in the{' '}
            <a href="/">fleet</a>.
          </p>
        </div>
      )}
      <div class="alert-list">
        {alerts?.map((alert) => (
          <AlertCard
            key={alert.alertId}
            state={state}
            alert={alert}
            muted={silences?.muted[alert.alertId]}
            open={alert.alertId === alertId}
            selected={alert.alertId === selectedId}
            showMachine
          />
        ))}
      </div>
      {alertId === undefined && silences && <SilenceList state={state} silences={silences} />}
    </section>
  );
}

const stateOrder = { firing: 0, pending: 1, 'not-assessable': 2, resolved: 3 };

/** Open ones by urgency, then age; resolved ones newest first. */
function sortAlerts(alerts: readonly AlertWire[] | undefined): readonly AlertWire[] | undefined {
  return (
    alerts &&
    [...alerts].sort(
      (a, b) =>
        stateOrder[a.state] - stateOrder[b.state] ||
        severityRank(b.severity) - severityRank(a.severity) ||
        b.timeMs - a.timeMs,
    )
  );
}
