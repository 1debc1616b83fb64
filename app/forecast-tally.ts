/** Forecasts that this process has made since its start, by machine type and by what they rest on. */
import { type Rung, rungs } from '../domain/fallback.js';
import type { ForecastRecord } from '../domain/forecast.js';

export type Footing = Rung | 'not-assessable';
export const footings: readonly Footing[] = [...rungs, 'not-assessable'];

export class ForecastTally {
  readonly #counts = new Map<string, Record<Footing, number>>();

  add({ type, status, rung }: ForecastRecord): void {
    let counts = this.#counts.get(type);
    if (!counts) {
      counts = { network: 0, smoothing: 0, age: 0, 'not-assessable': 0 };
      this.#counts.set(type, counts);
    }
    counts[status === 'not-assessable' ? status : (rung ?? 'network')] += 1;
  }

  /** By machine type, of those that have any. */
  counts(): ReadonlyMap<string, Readonly<Record<Footing, number>>> {
    return this.#counts;
  }
}
