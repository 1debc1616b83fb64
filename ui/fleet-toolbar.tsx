/** Above the fleet: how many machines are how, and what the colours say. */
import { groupOf } from './fleet-order.js';
import { count } from './format.js';
import { Sign, wordOf } from './marks.js';
import type { PlantState } from './plant-state.js';
import { setQuery } from './router.js';
import type { Theme } from './theme.js';

export function Legend({ theme }: { readonly theme: Theme }) {
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

export function Counts({ state, show }: { readonly state: PlantState; readonly show: string }) {
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
