import { assert } from '../../domain/assert.js';
import type { Rng } from '../../domain/rng.js';
import type { JudgedForecast } from '../rows.js';
import { quantile } from './quantile.js';

/** Bounds of a central 95 % interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * What the mean Brier score and its interval are made from. By machine, per day 1..H: the sum of (F_k − y)² over the rows that were
 * observed on that day (administrative censoring), and how many.
 */
export type MachineErrors = Readonly<
  Record<string, { readonly error: readonly number[]; readonly count: readonly number[] }>
>;

export function machineErrors(rows: readonly JudgedForecast[], horizonDays: number): MachineErrors {
  const byMachine: Record<string, { error: number[]; count: number[] }> = {};
  const zeros = () => new Array<number>(horizonDays).fill(0);
  for (const row of rows) {
    byMachine[row.machine] ??= { error: zeros(), count: zeros() };
    const { error, count } = byMachine[row.machine] as { error: number[]; count: number[] };
    for (let k = 0; k < row.observedDays; k++) {
      const outcome = row.eventDay > 0 && row.eventDay <= k + 1 ? 1 : 0;
      error[k] = (error[k] as number) + ((row.probabilities[k] as number) - outcome) ** 2;
      count[k] = (count[k] as number) + 1;
    }
  }
  return byMachine;
}

/** Errors of several judgements (of several seeds, or on several parts of a fleet) as if they were one. */
export function poolErrors(parts: readonly MachineErrors[]): MachineErrors {
  const pooled: Record<string, { error: number[]; count: number[] }> = {};
  const add = (sums: number[], values: readonly number[]) => {
    values.forEach((value, k) => {
      sums[k] = (sums[k] ?? 0) + value;
    });
  };
  for (const part of parts)
    for (const [machine, { error, count }] of Object.entries(part)) {
      pooled[machine] ??= { error: [], count: [] };
      add(pooled[machine].error, error);
      add(pooled[machine].count, count);
    }
  return pooled;
}

/**
 * 95 % interval of the mean Brier score over days 1..H (administrative censoring) by resampling machines with
 * replacement: the rows of one machine are not independent, so whole machines are drawn (percentile bootstrap,
 * Efron & Tibshirani 1993). null as `intervalOf` says.
 */
export function meanBrierInterval(errors: MachineErrors, rng: Rng, drawCount = 1000): Interval | null {
  const draws = drawMachines(Object.keys(errors), rng, drawCount);
  return intervalOf(draws.map((drawn) => meanBrierOf(errors, drawn)));
}

/**
 * The same of a difference: the mean Brier score of one forecaster less that of another on the same rows (asserted). Every draw
 * takes the same machines of both, so that what is hard about a machine cancels out.
 */
export function meanBrierDifference(
  of: MachineErrors,
  lessThatOf: MachineErrors,
  rng: Rng,
  drawCount = 1000,
): Interval | null {
  const machines = Object.keys(of);
  assert(
    machines.length === Object.keys(lessThatOf).length && machines.every((machine) => machine in lessThatOf),
    'the same machines on both sides',
  );
  return intervalOf(
    drawMachines(machines, rng, drawCount).map((drawn) => {
      const [a, b] = [meanBrierOf(of, drawn), meanBrierOf(lessThatOf, drawn)];
      return a === null || b === null ? null : a - b;
    }),
  );
}

/** Mean over the days of the Brier score of these machines' rows, a machine as often as it is named; null: a day without rows. */
export function meanBrierOf(errors: MachineErrors, machines = Object.keys(errors)): number | null {
  const own = machines.map((machine) => errors[machine] as MachineErrors[string]);
  const horizonDays = own[0]?.error.length ?? 0;
  let sum = 0;
  for (let k = 0; k < horizonDays; k++) {
    let error = 0;
    let count = 0;
    for (const each of own) {
      error += each.error[k] as number;
      count += each.count[k] as number;
    }
    if (count === 0) return null;
    sum += error / count;
  }
  return horizonDays === 0 ? null : sum / horizonDays;
}

/** Machines drawn with replacement, as many as there are; no draw below two machines, which have no interval. */
export function drawMachines(machines: readonly string[], rng: Rng, drawCount: number): string[][] {
  if (machines.length < 2) return [];
  return Array.from({ length: drawCount }, () =>
    machines.map(() => machines[rng.int(machines.length)] as string),
  );
}

/**
 * Central 95 % interval of a statistic over draws, by their quantiles. A draw without it (no failure was drawn) is left
 * out; null where that is more than one in twenty, or there is no draw.
 */
export function intervalOf(drawn: readonly (number | null)[]): Interval | null {
  const values = Float64Array.from(drawn.filter((value) => value !== null)).sort();
  if (values.length === 0 || values.length < 0.95 * drawn.length) return null;
  return { low: quantile(values, 0.025), high: quantile(values, 0.975) };
}
