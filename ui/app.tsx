import { useEffect, useRef, useState } from 'preact/hooks';
import { AlertsPage } from './alerts-page.js';
import { FleetPage } from './fleet-page.js';
import { date, dayMonth, timeOfDay, wallTime } from './format.js';
import { Help } from './help.js';
import { useKeys } from './keyboard.js';
import { MachinePage } from './machine-page.js';
import { type PlantState, usePlant } from './plant-state.js';
import { machinePath, navigate, type Route, setQuery, useRoute } from './router.js';

export function App({ state }: { readonly state: PlantState }) {
  usePlant(state);
  const route = useRoute();
  const searchRef = useRef<HTMLInputElement>(null);
  const [helpOpen, setHelpOpen] = useState(false);
  useKeys({
    '/': (event) => {
      event.preventDefault();
      searchRef.current?.select();
    },
    '?': () => setHelpOpen(true),
    f: () => navigate('/'),
    a: () => navigate('/alerts'),
  });
  useEffect(() => {
    const place = route.view.name === 'machine' ? `${route.view.machine} · ` : '';
    document.title = `${place}${state.plant?.name ?? 'Millwright'}`;
  });
  return (
    <>
      <Header state={state} route={route} searchRef={searchRef} onHelp={() => setHelpOpen(true)} />
      <LineBanner state={state} />
      <main class={state.line.kind === 'lost' ? 'main outdated' : 'main'}>
        <Body state={state} route={route} />
      </main>
      <Notices state={state} />
      <Help open={helpOpen} onClose={() => setHelpOpen(false)} />
    </>
  );
}

function Body({ state, route }: { readonly state: PlantState; readonly route: Route }) {
  const { view, query } = route;
  if (state.loading === 'loading') return <Loading />;
  if (state.loading === 'failed')
    return (
      <section class="message" role="alert">
        <h1>The plant could not be loaded</h1>
        <p>{state.failure}</p>
        <p>
          Check the terminal where <code>millwright run</code> or <code>millwright demo</code> was started.
          This page tries again by itself.
        </p>
        <button type="button" onClick={() => void state.reload()}>
          Try now
        </button>
      </section>
    );
  switch (view.name) {
    case 'fleet':
      return <FleetPage state={state} query={query} />;
    case 'machine':
      return (
        <MachinePage key={view.machine} state={state} machine={view.machine} atText={query.get('at') ?? ''} />
      );
    case 'alerts':
      return <AlertsPage state={state} alertId={view.alertId} show={query.get('show') ?? 'open'} />;
    case 'nowhere':
      return (
        <section class="message">
          <h1>There is nothing at {view.path}</h1>
          <p>
            Go to the <a href="/">fleet</a> or the <a href="/alerts">alerts</a>.
          </p>
        </section>
      );
  }
}

function Header(props: {
  readonly state: PlantState;
  readonly route: Route;
  readonly searchRef: { current: HTMLInputElement | null };
  readonly onHelp: () => void;
}) {
  const { state, route, searchRef } = props;
  const { view, query } = route;
  const search = (text: string) => {
    if (view.name !== 'fleet') navigate('/');
    setQuery('q', text);
  };
  return (
    <header class="header">
      <a class="brand" href="/" aria-label="Millwright: to the fleet">
        <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
          <path d="M2 13C7.500 13 8.500 3.500 14 3" />
          <path class="brand-base" d="M2 14.500h12" />
        </svg>
        <span class="brand-name">Millwright</span>
      </a>
      <span class="plant-name">{state.plant?.name ?? ''}</span>
      <nav class="nav" aria-label="Pages">
        <a href="/" aria-current={view.name === 'fleet' ? 'page' : undefined}>
          Fleet
        </a>
        <a href="/alerts" aria-current={view.name === 'alerts' ? 'page' : undefined}>
          Alerts
        </a>
      </nav>
      <span class="spacer" />
      {state.timeMs > 0 && (
        <span class="plant-time" title={`Plant time, ${state.timeZone}`}>
          <span class="nowrap">{date(state.timeMs, state.timeZone)}</span>{' '}
          <span class="muted">{timeOfDay(state.timeMs, state.timeZone)}</span>
        </span>
      )}
      <LinePill state={state} />
      <label class="search">
        <span class="hidden">Search machines</span>
        <input
          ref={searchRef}
          type="search"
          placeholder="Search"
          value={query.get('q') ?? ''}
          onInput={(event) => search(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') {
              search('');
              event.currentTarget.blur();
            } else if (event.key === 'Enter' || event.key === 'ArrowDown') event.currentTarget.blur();
          }}
        />
        <kbd>/</kbd>
      </label>
      <button type="button" class="plain" onClick={props.onHelp} aria-label="Keys and help">
        <kbd>?</kbd> <span class="wide-only">keys</span>
      </button>
    </header>
  );
}

function LinePill({ state }: { readonly state: PlantState }) {
  const [sign, word] = {
    connecting: ['◌', 'connecting'],
    live: ['●', 'live'],
    lost: ['○', 'disconnected'],
  }[state.line.kind] as [string, string];
  return (
    <span class={`line-pill ${state.line.kind}`} role="status">
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

function LineBanner({ state }: { readonly state: PlantState }) {
  if (state.line.kind !== 'lost' || state.loading !== 'loaded') return null;
  return (
    <p class="banner" role="alert">
      <strong>Disconnected.</strong> Last word from the server at {wallTime(state.line.lastHeardMs)}; what you
      see is from {dayMonth(state.timeMs, state.timeZone)}, {timeOfDay(state.timeMs, state.timeZone)} plant
      time. Reconnecting…
    </p>
  );
}

function Loading() {
  return (
    <section class="skeleton" aria-busy="true" aria-label="Loading the fleet">
      {Array.from({ length: 12 }, (_, index) => (
        <div class="skeleton-row" key={index} />
      ))}
    </section>
  );
}

/** Failures as they come, while the page is open. */
function Notices({ state }: { readonly state: PlantState }) {
  return (
    <aside class="notices" aria-live="polite">
      {state.notices.map((event) => (
        <p class="notice" key={`${event.machine}/${event.eventTimeMs}`}>
          <strong>
            <a href={machinePath(event.machine)}>{event.machine}</a> failed
          </strong>
          <span class="muted">
            {dayMonth(event.eventTimeMs, state.timeZone)}
            {event.code === '' ? '' : ` · ${event.code}`}
          </span>
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => state.dismiss(event)}>
            ×
          </button>
        </p>
      ))}
    </aside>
  );
}
