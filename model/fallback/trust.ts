/**
 * How far a network is to be believed: what its training knew of the inputs, and how far validation saw it depart from the
 * simple model. Beyond either, nobody knows what its forecasts are worth.
 */
import { z } from 'zod';
import type { Doubt } from '../../domain/fallback.js';
import {
  type FeatureSpec,
  type FeatureWindow,
  type History,
  isCount,
  isMeasured,
} from '../../domain/features.js';

export const trustSchema = z.strictObject({
  /** Columns of what is measured and varied in training, each with the range that is no surprise. */
  columns: z.array(z.number().int().min(0)),
  lows: z.array(z.number()),
  highs: z.array(z.number()),
  /** Share of the newest values that may lie outside. */
  shareMax: z.number().min(0).max(1),
  /** How far a probability of the network may lie above that of the smoothed readings for the same day, and below. */
  aboveMax: z.number().min(0).max(1),
  belowMax: z.number().min(0).max(1),
});
export type Trust = z.output<typeof trustSchema>;

/** One reading in a thousand lies below the range that counts as known, one above. */
const tailShare = 0.001;
/** On each side the range is widened by this share of its width: machines differ. */
const margin = 0.25;
/** What is newer than this many steps speaks. */
const newestSteps = 5;
/** One sensor of five may be new to the network: a machine that wears is just what it should see. */
const leastShareMax = 0.2;
/** Beyond this share the smoothed readings know no more than the network. */
const smoothingShareMax = 0.5;

/** Ranges of the columns over all rows of the training machines. */
export function fitBounds(
  spec: FeatureSpec,
  histories: readonly History[],
  columns: readonly number[],
): Pick<Trust, 'columns' | 'lows' | 'highs'> {
  const watched = columns.filter((column) => {
    const name = spec.names[column] as string;
    return isMeasured(name) && !isCount(name);
  });
  const ranges = watched.map((column) => {
    const values = valuesOf(column, spec.names.length, histories).sort();
    const tail = Math.floor(tailShare * values.length);
    // What hardly ever varies has its whole range.
    const cut = values[tail] === values[values.length - 1 - tail] ? 0 : tail;
    const low = values[cut] as number;
    const high = values[values.length - 1 - cut] as number;
    return { low: low - margin * (high - low), high: high + margin * (high - low) };
  });
  return { columns: watched, lows: ranges.map(({ low }) => low), highs: ranges.map(({ high }) => high) };
}

/** Those that are there. */
function valuesOf(column: number, width: number, histories: readonly History[]): Float64Array {
  const values = new Float64Array(histories.reduce((sum, { stepCount }) => sum + stepCount, 0));
  let count = 0;
  for (const { rows, stepCount } of histories)
    for (let step = 0; step < stepCount; step++) {
      const value = rows[step * width + column] as number;
      if (Number.isFinite(value)) values[count++] = value;
    }
  return values.subarray(0, count);
}

/** Share of the newest values outside the ranges, and the column and value of the one that lies furthest off. */
interface Outside {
  readonly share: number;
  readonly place: number;
  readonly value: number;
}

export function outsideOf(
  { columns, lows, highs }: Pick<Trust, 'columns' | 'lows' | 'highs'>,
  { names, contextSteps }: FeatureSpec,
  { rows, stepCount }: FeatureWindow,
): Outside {
  let [seen, outside, furthest, place, value] = [0, 0, 0, 0, 0];
  for (let step = contextSteps - Math.min(stepCount, newestSteps); step < contextSteps; step++)
    for (let index = 0; index < columns.length; index++) {
      const each = rows[step * names.length + (columns[index] as number)] as number;
      if (Number.isNaN(each)) continue;
      seen += 1;
      const low = lows[index] as number;
      const high = highs[index] as number;
      if (each >= low && each <= high) continue;
      outside += 1;
      const off = Math.max(low - each, each - high) / (high - low);
      if (off <= furthest) continue;
      [furthest, place, value] = [off, index, each];
    }
  return { share: seen === 0 ? 0 : outside / seen, place, value };
}

/** What may be outside, by the largest share that a window of the validation machines had. */
export function shareMaxOf(shares: readonly number[]): number {
  return Math.max(leastShareMax, ...shares);
}

/** Half of what is left between the largest departure that validation saw and the largest there can be. */
export function departureMaxOf(departures: readonly number[]): number {
  return (1 + Math.max(0, ...departures)) / 2;
}

/** Largest difference F_k − G_k over the days. */
export function departure(above: ArrayLike<number>, below: ArrayLike<number>): number {
  let largest = 0;
  for (let k = 0; k < above.length; k++)
    largest = Math.max(largest, (above[k] as number) - (below[k] as number));
  return largest;
}

export function doubtInputs(trust: Trust, spec: FeatureSpec, window: FeatureWindow): Doubt | undefined {
  const { share, place, value } = outsideOf(trust, spec, window);
  if (share <= trust.shareMax) return undefined;
  const name = spec.names[trust.columns[place] as number];
  const range = `${digits(trust.lows[place])} to ${digits(trust.highs[place])}`;
  return {
    rung: share <= Math.max(trust.shareMax, smoothingShareMax) ? 'smoothing' : 'age',
    reason: `${percent(share)} of the newest values are beyond what training knew, such as ${name} ${digits(value)} (${range})`,
  };
}

export function doubtCurve(
  { aboveMax, belowMax }: Trust,
  curve: ArrayLike<number>,
  smoothed: ArrayLike<number>,
): Doubt | undefined {
  const above = departure(curve, smoothed);
  const below = departure(smoothed, curve);
  if (above <= aboveMax && below <= belowMax) return undefined;
  const [side, off, most] = above > aboveMax ? ['above', above, aboveMax] : ['below', below, belowMax];
  return {
    rung: 'smoothing',
    reason: `the network lies ${percent(off as number)} ${side} the smoothed readings, more than validation allows (${percent(most as number)})`,
  };
}

const percent = (share: number) => `${Math.round(100 * share)} %`;
const digits = (value: number | undefined) => String(Number((value ?? Number.NaN).toPrecision(3)));
