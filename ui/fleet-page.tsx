// biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, placed by hand; a <table> cannot do that
// biome-ignore-all lint/a11y/useFocusableInteractive: rows and heads hold the links and buttons that take the focus
import { Component } from 'preact';
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type FleetFilter, groupOf, orderFleet, type SortKey, sortKeys } from './fleet-order.js';
import { chance, count, span, stepEnd, steps } from './format.js';
import { useKeys } from './keyboard.js';
import { DataQuality, LeadChip, Sign, wordOf } from './marks.js';
import type { PlantState, Row } from './plant-state.js';
import { machinePath, navigate, setQuery } from './router.js';
import { cellEdges, Strip } from './strip.js';
import { type Theme, useTheme } from './theme.js';

const rowHeightPx = 40;
const overscanRows = 6;
/** Values change as they come; rows change places at most this often, so that one can read and aim. */
const reorderMs = 1_000;

/** Survive a visit to a machine's page. */
let keptScrollTopPx = 0;
let keptSelection = '';

export function FleetPage({ state, query }: { readonly state: PlantState; readonly query: URLSearchParams }) {
  const theme = useTheme();
  const filter: FleetFilter = {
    search: query.get('q') ?? '',
    line: query.get('line') ?? '',
    show: query.get('show') ?? '',
  };
  const sort = sortKeys.find((key) => key === query.get('sort')) ?? 'risk';
  const rows = useOrder(state, filter, sort);
  const lines = useMemo(
    () => [...new Set([...state.rows.values()].map((row) => row.forecast.line))].sort(),
    [state.rows.size],
  );
  if (state.rows.size === 0) return <NoMachines state={state} />;
  const first = state.rows.values().next().value?.forecast.type ?? '';
  const { stepMs, horizonSteps } = state.typeOf(first);
  return (
    <section class="fleet" aria-label="Fleet">
      <div class="toolbar">
        <Counts state={state} show={filter.show} />
        <span class="spacer" />
        <Legend theme={theme} />
        {lines.length > 1 && (
          <label class="filter">
            Line{' '}
            <select value={filter.line} onChange={(event) => setQuery('line', event.currentTarget.value)}>
              <option value="">all</option>
              {lines.map((line) => (
                <option key={line} value={line}>
                  {line === '' ? '(none)' : line}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <div class="table" role="table" aria-rowcount={rows.length + 1} aria-label="Machines by risk">
        <div class="table-head fleet-grid" role="row" aria-rowindex={1}>
          <SortHead name="machine" sort={sort} label="Machine" />
          <span role="columnheader" class="strip-head">
            <DayTicks horizon={horizonSteps} stepMs={stepMs} />
          </span>
          <SortHead name="risk" sort={sort} label={`within ${steps(7, stepMs)}`} number />
          <SortHead name="month" sort={sort} label={steps(horizonSteps, stepMs)} number />
          <SortHead name="expected" sort={sort} label="expected" />
          <SortHead name="data" sort={sort} label="data" />
          <SortHead name="alert" sort={sort} label="alert" />
        </div>
        {rows.length === 0 ? (
          <p class="nothing">
            No machine fits.{' '}
            <button type="button" onClick={() => navigate('/', 'replace')}>
              Show all {state.rows.size.toLocaleString('en')}
            </button>
          </p>
        ) : (
          <VirtualRows state={state} rows={rows} theme={theme} />
        )}
      </div>
    </section>
  );
}

/** The rows in order, re-ordered when what is asked for changes and else at most every `reorderMs`. */
function useOrder(state: PlantState, filter: FleetFilter, sort: SortKey): readonly string[] {
  const asked = `${filter.search}|${filter.line}|${filter.show}|${sort}`;
  const kept = useRef({ asked: '', atMs: 0, size: -1, machines: [] as readonly string[] });
  const [, again] = useState(0);
  const nowMs = performance.now();
  const due = nowMs - kept.current.atMs >= reorderMs;
  if (due || kept.current.asked !== asked) {
    const machines = orderFleet(state.rows.values(), filter, sort).map((row) => row.forecast.machine);
    kept.current = { asked, atMs: nowMs, size: state.rows.size, machines };
  }
  // What came in between is in order one period later at the latest, even when nothing more comes.
  useLayoutEffect(() => {
    if (due) return;
    const timer = setTimeout(() => again((times) => times + 1), reorderMs);
    return () => clearTimeout(timer);
  });
  const { machines } = kept.current;
  return machines.every((machine) => state.rows.has(machine))
    ? machines
    : machines.filter((machine) => state.rows.has(machine));
}

function VirtualRows(props: {
  readonly state: PlantState;
  readonly rows: readonly string[];
  readonly theme: Theme;
}) {
  const { state, rows, theme } = props;
  const bodyRef = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(keptScrollTopPx);
  const [heightPx, setHeightPx] = useState(800);
  const [selected, setSelected] = useState(keptSelection);
  useLayoutEffect(() => {
    const body = bodyRef.current;
    if (!body) return;
    body.scrollTop = keptScrollTopPx;
    const observer = new ResizeObserver(() => setHeightPx(body.clientHeight));
    observer.observe(body);
    setHeightPx(body.clientHeight);
    return () => observer.disconnect();
  }, []);

  const select = (index: number) => {
    const machine = rows[Math.min(rows.length - 1, Math.max(0, index))];
    const body = bodyRef.current;
    if (machine === undefined || !body) return;
    keptSelection = machine;
    setSelected(machine);
    const rowTop = rows.indexOf(machine) * rowHeightPx;
    if (rowTop < body.scrollTop) body.scrollTop = rowTop;
    else if (rowTop + rowHeightPx > body.scrollTop + body.clientHeight)
      body.scrollTop = rowTop + rowHeightPx - body.clientHeight;
  };
  const move = (by: number) => (event: KeyboardEvent) => {
    event.preventDefault();
    const index = rows.indexOf(selected);
    select(index < 0 ? (by > 0 ? 0 : rows.length - 1) : index + by);
  };
  const page = Math.max(1, Math.floor(heightPx / rowHeightPx) - 1);
  useKeys({
    j: move(1),
    k: move(-1),
    ArrowDown: move(1),
    ArrowUp: move(-1),
    PageDown: move(page),
    PageUp: move(-page),
    Home: () => select(0),
    End: () => select(rows.length - 1),
    Enter: () => {
      if (rows.includes(selected)) navigate(machinePath(selected));
    },
    Escape: () => {
      keptSelection = '';
      setSelected('');
    },
  });
  const onScroll = useCallback((event: Event) => {
    if (event.currentTarget instanceof HTMLElement) {
      keptScrollTopPx = event.currentTarget.scrollTop;
      setTop(keptScrollTopPx);
    }
  }, []);

  const from = Math.max(0, Math.floor(top / rowHeightPx) - overscanRows);
  const to = Math.min(rows.length, Math.ceil((top + heightPx) / rowHeightPx) + overscanRows);
  return (
    <div class="table-body" role="rowgroup" ref={bodyRef} onScroll={onScroll}>
      <div class="table-space" style={{ height: `${rows.length * rowHeightPx}px` }}>
        {rows.slice(from, to).map((machine, index) => {
          const row = state.rows.get(machine);
          if (!row) return null;
          const type = state.typeOf(row.forecast.type);
          const ageMs = state.timeMs - row.forecast.originMs;
          const stale = ageMs > 2 * type.stepMs + type.graceMs;
          return (
            <FleetRow
              key={machine}
              row={row}
              index={from + index}
              selected={machine === selected}
              theme={theme}
              stepMs={type.stepMs}
              horizon={type.horizonSteps}
              timeZone={type.timeZone}
              staleFor={stale ? span(ageMs) : ''}
              ageNowMs={row.alerts.length > 0 ? state.timeMs : 0}
            />
          );
        })}
      </div>
    </div>
  );
}

interface FleetRowProps {
  readonly row: Row;
  readonly index: number;
  readonly selected: boolean;
  readonly theme: Theme;
  readonly stepMs: number;
  readonly horizon: number;
  readonly timeZone: string;
  /** '' when fresh. */
  readonly staleFor: string;
  /** Plant time for the age of alerts; 0 without any, so that the clock does not draw the row again. */
  readonly ageNowMs: number;
}

/** Drawn again only when something in it changed: most updates are about other rows. */
class FleetRow extends Component<FleetRowProps> {
  override shouldComponentUpdate(next: FleetRowProps): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof FleetRowProps)[]).some((key) => next[key] !== now[key]);
  }

  override render() {
    return <FleetRowCells {...this.props} />;
  }
}

function FleetRowCells(props: FleetRowProps) {
  const { row, index, stepMs, timeZone, staleFor } = props;
  const { forecast, alerts } = row;
  const p = forecast.probabilities;
  const assessed = p.length > 0;
  const classes = [
    'row',
    'fleet-grid',
    !assessed && 'unassessed',
    props.selected && 'selected',
    staleFor !== '' && 'stale',
  ]
    .filter(Boolean)
    .join(' ');
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: j, k and enter do the same, and the name is a link
    <div
      class={classes}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={props.selected}
      style={{ transform: `translateY(${index * rowHeightPx}px)` }}
      onClick={() => navigate(machinePath(forecast.machine))}
    >
      <span role="cell" class="machine-cell">
        <a href={machinePath(forecast.machine)} onClick={(event) => event.stopPropagation()}>
          {forecast.machine}
        </a>
        <span class="muted wide-only">{forecast.line}</span>
      </span>
      <span role="cell" class="strip-cell">
        <Strip forecast={forecast} horizon={props.horizon} stepMs={stepMs} theme={props.theme} />
        {!assessed && <span class="strip-reason">cannot be assessed: {forecast.reason}</span>}
      </span>
      <Chance probability={p[Math.min(7, p.length) - 1]} />
      <Chance probability={p.at(-1)} />
      <span role="cell" class="expected-cell">
        <Expected forecast={forecast} stepMs={stepMs} timeZone={timeZone} />
      </span>
      <span role="cell">
        {staleFor !== '' ? (
          <span class="quality low">no forecast for {staleFor}</span>
        ) : (
          <DataQuality coverage={forecast.coverage} silent={forecast.silentSensors.length} />
        )}
      </span>
      <span role="cell" class="alert-cell">
        <LeadChip alerts={alerts} nowMs={props.ageNowMs} />
        {(forecast.status === 'fallback' || forecast.status === 'provisional') && (
          <span class="muted" title={forecast.reason}>
            {forecast.status}
          </span>
        )}
      </span>
    </div>
  );
}

/** Unlikely ones stand back, so that the eye goes to the others. */
function Chance({ probability }: { readonly probability: number | undefined }) {
  return (
    <span role="cell" class={(probability ?? 0) < 0.01 ? 'number muted' : 'number'}>
      {probability === undefined ? '–' : chance(probability)}
    </span>
  );
}

function Expected(props: {
  readonly forecast: Row['forecast'];
  readonly stepMs: number;
  readonly timeZone: string;
}) {
  const { forecast, stepMs, timeZone } = props;
  if (forecast.probabilities.length === 0) return <>–</>;
  if (forecast.expectedDay === null)
    return <span class="muted">beyond {steps(forecast.probabilities.length, stepMs)}</span>;
  return (
    <>
      {forecast.curve === 'health-limit' && (
        <span class="curve-kind" title="health index passes its limit: no forecast of a failure">
          limit{' '}
        </span>
      )}
      <span class="expected-days">{steps(forecast.expectedDay, stepMs)}</span>{' '}
      <span class="muted">{stepEnd(forecast.originMs, forecast.expectedDay, { stepMs, timeZone })}</span>
    </>
  );
}

function SortHead(props: {
  readonly name: SortKey;
  readonly sort: SortKey;
  readonly label: string;
  readonly number?: boolean;
}) {
  const active = props.name === props.sort;
  const direction =
    props.name === 'machine' || props.name === 'expected' || props.name === 'data' ? '↑' : '↓';
  return (
    <span
      role="columnheader"
      class={props.number ? 'number' : ''}
      aria-sort={active ? (direction === '↑' ? 'ascending' : 'descending') : 'none'}
    >
      <button
        type="button"
        class={active ? 'sort active' : 'sort'}
        onClick={() => setQuery('sort', props.name === 'risk' ? '' : props.name)}
      >
        {props.label}
        <span aria-hidden="true" class="sort-mark">
          {active ? direction : ''}
        </span>
      </button>
    </span>
  );
}

/** 1, 7, 14, 21, 28 above the ends of their cells. */
function DayTicks({ horizon, stepMs }: { readonly horizon: number; readonly stepMs: number }) {
  const days = [1, 7, 14, 21, 28, 35, 60, 90].filter((day) => day <= horizon);
  return (
    <>
      <span class="hidden">Probability, next {steps(horizon, stepMs)}</span>
      {days.map((day) => {
        const [left, right] = cellEdges(day, horizon, 1000);
        return (
          <span
            key={day}
            class={day === 1 ? 'tick wide-only' : 'tick'}
            aria-hidden="true"
            style={{ left: `${(left + right) / 20}%` }}
          >
            {day === 1 ? `+${steps(1, stepMs)}` : day}
          </span>
        );
      })}
    </>
  );
}

function Legend({ theme }: { readonly theme: Theme }) {
  const cells = Array.from({ length: 11 }, (_, index) => index / 10);
  return (
    <span class="legend wide-only" aria-hidden="true">
      by then: 0 %
      <span class="legend-scale">
        {cells.map((value) => (
          <span key={value} style={{ background: theme.risk(value) }} />
        ))}
      </span>
      100 %
    </span>
  );
}

function Counts({ state, show }: { readonly state: PlantState; readonly show: string }) {
  const counts = new Map<string, number>([
    ['critical', 0],
    ['warning', 0],
  ]);
  const rest = new Map<string, number>([
    ['pending', 0],
    ['good', 0],
    ['not-assessable', 0],
  ]);
  for (const row of state.rows.values()) {
    const group = groupOf(row);
    const map = rest.has(group) ? rest : counts;
    map.set(group, (map.get(group) ?? 0) + 1);
  }
  return (
    <div class="counts" role="toolbar" aria-label={count(state.rows.size, 'machine')}>
      {[...counts, ...rest]
        .filter(([group, number]) => number > 0 || group === show || group !== 'pending')
        .map(([group, number]) => (
          <button
            key={group}
            type="button"
            class={number === 0 ? 'count zero' : 'count'}
            aria-pressed={show === group}
            onClick={() => setQuery('show', show === group ? '' : group)}
          >
            <Sign kind={group} />
            <span class="count-number">{number.toLocaleString('en')}</span>{' '}
            {group === 'not-assessable' ? 'cannot be assessed' : wordOf(group)}
          </button>
        ))}
    </div>
  );
}

function NoMachines({ state }: { readonly state: PlantState }) {
  if (state.everSawMachines)
    return (
      <section class="message">
        <h1>No machine is in service</h1>
        <p>
          Every machine that reported has failed or been retired. It comes back here with its next reading.
        </p>
        <p>
          <a href="/alerts?show=all">Look back at the alerts</a>
        </p>
      </section>
    );
  return (
    <section class="message">
      <h1>No machine has been forecast yet</h1>
      <p>A machine appears here when its first step closes: with daily steps, after its first midnight.</p>
      <ul>
        <li>
          Publish readings to the broker under the topic of the configuration, for example{' '}
          <code>factory/north/line-A/pump-01/vibration</code>.
        </li>
        <li>
          Or replay history: <code>millwright replay --data FILE</code>
        </li>
        <li>
          Or ask what is missing: <code>millwright doctor</code>
        </li>
      </ul>
      <p class="muted">This page fills itself; there is no need to reload it.</p>
    </section>
  );
}
