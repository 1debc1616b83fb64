// biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, placed by hand; a <table> cannot do that
// biome-ignore-all lint/a11y/useFocusableInteractive: rows and heads hold the links and buttons that take the focus
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type FleetFilter, orderFleet, type SortKey, sortKeys } from './fleet-order.js';
import { FleetRows } from './fleet-rows.js';
import { Counts, Legend } from './fleet-toolbar.js';
import { steps } from './format.js';
import { NoMachines } from './no-machines.js';
import type { PlantState } from './plant-state.js';
import { navigate, setQuery } from './router.js';
import { cellEdges } from './strip.js';
import { useTheme } from './theme.js';

/** Values change as they come; rows change places at most this often, so that one can read and aim. */
const reorderMs = 1_000;

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
          <FleetRows state={state} rows={rows} theme={theme} />
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
