import type { Rng } from '../../domain/rng.js';
import type { JudgedForecast } from '../rows.js';
import { quantile } from './quantile.js';

/** Bounds of a central 95 % interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * 95 % interval of the mean Brier score over days 1..H (administrative censoring) by resampling machines with
 * replacement: the rows of one machine are not independent, so whole machines are drawn (percentile bootstrap,
 * Efron & Tibshirani 1993). null below two machines, or when a draw may leave a day without rows.
 */
export function meanBrierInterval(
  rows: readonly JudgedForecast[],
  horizonDays: number,
  rng: Rng,
  drawCount = 1000,
): Interval | null {
  const machines = [...sumsByMachine(rows, horizonDays).values()];
  if (machines.length < 2) return null;
  const means = new Float64Array(drawCount);
  for (let draw = 0; draw < drawCount; draw++) {
    const error = new Float64Array(horizonDays);
    const count = new Float64Array(horizonDays);
    for (let i = 0; i < machines.length; i++) {
      const drawn = machines[rng.int(machines.length)] as MachineSums;
      for (let k = 0; k < horizonDays; k++) {
        error[k] = (error[k] as number) + (drawn.error[k] as number);
        count[k] = (count[k] as number) + (drawn.count[k] as number);
      }
    }
    let sum = 0;
    for (let k = 0; k < horizonDays; k++) {
      if (count[k] === 0) return null;
      sum += (error[k] as number) / (count[k] as number);
    }
    means[draw] = sum / horizonDays;
  }
  means.sort();
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Per day: squared errors and rows of one machine. */
interface MachineSums {
  readonly error: Float64Array;
  readonly count: Float64Array;
}

function sumsByMachine(rows: readonly JudgedForecast[], horizonDays: number): Map<string, MachineSums> {
  const byMachine = new Map<string, MachineSums>();
  for (const row of rows) {
    let sums = byMachine.get(row.machine);
    if (!sums) {
      sums = { error: new Float64Array(horizonDays), count: new Float64Array(horizonDays) };
      byMachine.set(row.machine, sums);
    }
    for (let k = 0; k < row.observedDays; k++) {
      const outcome = row.eventDay > 0 && row.eventDay <= k + 1 ? 1 : 0;
      sums.error[k] = (sums.error[k] as number) + ((row.probabilities[k] as number) - outcome) ** 2;
      sums.count[k] = (sums.count[k] as number) + 1;
    }
  }
  return byMachine;
}
