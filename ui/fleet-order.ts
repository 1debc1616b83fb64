/** Which rows the fleet shows, and in which order. Pure. */
import { leadingAlert, severityRank, stateOf } from '../infra/http/present.js';
import type { Row } from './plant-state.js';

export const sortKeys = ['risk', 'machine', 'month', 'expected', 'data', 'alert'] as const;
export type SortKey = (typeof sortKeys)[number];

export interface FleetFilter {
  /** Part of the machine's id, line, site or type. */
  readonly search: string;
  readonly line: string;
  /** '' for all, else a severity, 'pending', 'good' or 'not-assessable'. */
  readonly show: string;
}

/**
 * Where a machine that cannot be assessed stands: as though this were its probability for the seven days. Below
 * what is about to fail, above all that is known to be well.
 */
const unknownRisk = 0.1;

/** The whole percents people see decide first, so that a column never looks out of order. */
function riskKeys({ forecast }: Row): readonly [number, number, number] {
  const p = forecast.probabilities;
  if (p.length === 0) return [Math.round(unknownRisk * 100), 0, 0];
  let area = 0;
  for (const value of p) area += value;
  return [Math.round((p[Math.min(7, p.length) - 1] ?? 0) * 100), Math.round((p.at(-1) ?? 0) * 100), area];
}

export function orderFleet(rows: Iterable<Row>, filter: FleetFilter, sort: SortKey): Row[] {
  const keyed = [...rows]
    .filter((row) => fits(row, filter))
    .map((row) => ({ row, keys: sortValues(row, sort), machine: row.forecast.machine }));
  keyed.sort((a, b) => {
    for (let index = 0; index < a.keys.length; index++) {
      const difference = (b.keys[index] ?? 0) - (a.keys[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return a.machine < b.machine ? -1 : 1;
  });
  return keyed.map(({ row }) => row);
}

/** Greater comes first. */
function sortValues(row: Row, sort: SortKey): readonly number[] {
  const { forecast } = row;
  const [week, month, area] = riskKeys(row);
  switch (sort) {
    case 'risk':
      return [week, month, area];
    case 'machine':
      return [];
    case 'month':
      return [month, week, area];
    case 'expected':
      return [-(forecast.expectedDay ?? 1e6), week, month, area];
    case 'data':
      return [-forecast.coverage, week];
    case 'alert': {
      const lead = leadingAlert(row.alerts);
      const state = lead ? { firing: 20, 'not-assessable': 10, pending: 5, resolved: 0 }[lead.state] : 0;
      return [state + (lead ? severityRank(lead.severity) : 0), week, area];
    }
  }
}

/** What the counts at the top count; each machine is in exactly one. */
export function groupOf({ forecast, alerts }: Row): string {
  const state = stateOf(forecast, alerts);
  return state === 'firing' ? (leadingAlert(alerts)?.severity ?? '') : state;
}

function fits(row: Row, { search, line, show }: FleetFilter): boolean {
  const { forecast } = row;
  if (line !== '' && forecast.line !== line) return false;
  if (show !== '' && groupOf(row) !== show) return false;
  if (search === '') return true;
  const wanted = search.toLowerCase();
  return [forecast.machine, forecast.line, forecast.site, forecast.type].some((text) =>
    text.toLowerCase().includes(wanted),
  );
}
