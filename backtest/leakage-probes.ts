/**
 * Probes for leakage: a history is damaged in a way that an honest forecast must suffer from, and its score must collapse. One that stays
 * good has known something that it could not know, or the judge is at fault.
 */
import type { Rng } from '../domain/rng.js';
import { brierByDay, meanOverDays, skill } from './metrics/brier.js';
import type { NamedRows } from './report.js';
import type { JudgedForecast } from './rows.js';

export type ProbeVerdict =
  /** The skill is gone, as it must be. */
  | 'collapsed'
  /** More than half of the skill is left. */
  | 'too-good'
  /** There was hardly any skill to lose. */
  | 'no-skill';

export interface ProbedForecaster {
  readonly name: string;
  /** Over the reference, on the rows that the probe keeps; before and after the damage. */
  readonly skillBefore: number | null;
  readonly skillAfter: number | null;
  readonly verdict: ProbeVerdict;
}

/** Of this much skill none needs to collapse. */
const skillMin = 0.05;

/** Rows with the same outcomes as before, and with those of the probe; the same rows of every forecaster. */
export interface DamagedRows {
  readonly before: readonly JudgedForecast[];
  readonly after: readonly JudgedForecast[];
}

/**
 * Shuffled futures: every row gets the outcome of another, drawn from all machines and origins. (From the same origin alone, a fleet
 * whose machines began together would keep what their age tells.)
 */
export function shuffleFutures(rows: readonly JudgedForecast[], rng: Rng): DamagedRows {
  const from = rng.shuffle([...rows]);
  return { before: rows, after: rows.map((row, index) => withOutcomeOf(row, from[index] as JudgedForecast)) };
}

/** Shifted labels: each row gets the outcome of the same machine's row `days` later; the last rows of a machine are left out. */
export function shiftLabels(rows: readonly JudgedForecast[], days: number): DamagedRows {
  const byMachine = new Map<string, JudgedForecast[]>();
  for (const row of rows) {
    const own = byMachine.get(row.machine);
    if (own) own.push(row);
    else byMachine.set(row.machine, [row]);
  }
  const before: JudgedForecast[] = [];
  const after: JudgedForecast[] = [];
  for (const own of byMachine.values()) {
    const ascending = own.sort((a, b) => a.originMs - b.originMs);
    ascending.slice(0, -days).forEach((row, index) => {
      before.push(row);
      after.push(withOutcomeOf(row, ascending[index + days] as JudgedForecast));
    });
  }
  return { before, after };
}

function withOutcomeOf(
  row: JudgedForecast,
  { eventDay, knownDays, observedDays }: JudgedForecast,
): JudgedForecast {
  return { ...row, eventDay, knownDays, observedDays };
}

/**
 * Puts every forecaster to one probe. `damage` must choose the same rows of each (it may not look at probabilities). `forecasters` begins
 * with those that are probed, `reference` is what their skill is over.
 */
export function probe(
  forecasters: readonly NamedRows[],
  reference: NamedRows,
  horizonDays: number,
  damage: (rows: readonly JudgedForecast[]) => DamagedRows,
): ProbedForecaster[] {
  const mean = (rows: readonly JudgedForecast[]) =>
    rows.length === 0 ? null : meanOverDays(brierByDay(rows, horizonDays, 'administrative'));
  const ofReference = damage(reference.rows);
  return forecasters.map(({ name, rows }) => {
    const { before, after } = damage(rows);
    const skillBefore = skill(mean(before), mean(ofReference.before));
    const skillAfter = skill(mean(after), mean(ofReference.after));
    return { name, skillBefore, skillAfter, verdict: verdictOf(skillBefore, skillAfter) };
  });
}

export function verdictOf(before: number | null, after: number | null): ProbeVerdict {
  if (before === null || after === null || before < skillMin) return 'no-skill';
  return after > before / 2 ? 'too-good' : 'collapsed';
}
