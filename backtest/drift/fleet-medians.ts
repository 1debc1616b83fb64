/** What all machines of a fleet share in a step (load, season), and what is left of one of them without it. */
import { quantile } from '../metrics/quantile.js';
import type { WatchedMachine } from './watched.js';

/** From so many machines on, what they share is taken off. */
const fleetMin = 5;

/** By origin; empty where the fleet is too small to be a reference. */
export function fleetMedians(
  machines: readonly WatchedMachine[],
  read: (row: Float32Array) => number,
): ReadonlyMap<number, number> {
  if (machines.length < fleetMin) return new Map();
  const values = new Map<number, number[]>();
  for (const { originsMs, rows } of machines)
    originsMs.forEach((originMs, index) => {
      const value = read(rows[index] as Float32Array);
      if (!Number.isFinite(value)) return;
      const own = values.get(originMs);
      if (own) own.push(value);
      else values.set(originMs, [value]);
    });
  return new Map(
    [...values].flatMap(([originMs, all]): [number, number][] =>
      all.length < fleetMin ? [] : [[originMs, quantile(Float64Array.from(all).sort(), 0.5)]],
    ),
  );
}

/** Less the fleet's median, where there is a fleet; NaN where there is no value, or no median of the step. */
export function residuals(
  { originsMs, rows }: WatchedMachine,
  read: (row: Float32Array) => number,
  medians: ReadonlyMap<number, number>,
): Float64Array {
  return Float64Array.from(rows, (row, index) => {
    const shared = medians.size === 0 ? 0 : (medians.get(originsMs[index] as number) ?? Number.NaN);
    const value = read(row) - shared;
    return Number.isFinite(value) ? value : Number.NaN;
  });
}
