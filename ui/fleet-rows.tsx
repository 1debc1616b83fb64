// biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, placed by hand; a <table> cannot do that
// biome-ignore-all lint/a11y/useFocusableInteractive: rows and heads hold the links and buttons that take the focus
/** The rows of the fleet, however many: only those in sight exist. Scrolling and the selection outlive a visit to a machine's page. */
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { FleetRow, rowHeightPx } from './fleet-row.js';
import { span } from './format.js';
import { useKeys } from './keyboard.js';
import type { PlantState } from './plant-state.js';
import { machinePath, navigate } from './router.js';
import type { Theme } from './theme.js';

const overscanRows = 6;

let keptScrollTopPx = 0;
let keptSelection = '';

export function FleetRows(props: {
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
