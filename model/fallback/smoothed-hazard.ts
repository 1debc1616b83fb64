/**
 * Hazards from exponentially smoothed features: one logistic regression for all days (person-period: Allison 1982) on the
 * newest standardised value of every feature, two running averages of the measured ones, and the day. It reads windows as
 * the network does, so that nothing but the window decides.
 */
import { z } from 'zod';
import type { FeatureSpec, FeatureWindow, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { fitPreprocessing, type Preprocessing, preprocessingSchema } from '../preprocessing.js';
import { assignRegime, type Regimes } from '../regimes.js';
import { thin } from '../validation.js';
import { type Origin, originsOf, windowOf } from '../windows.js';
import { type DailyRow, dot, fitDailyLogistic } from './logistic.js';

export const smoothedHazardSchema = z.strictObject({
  /** Of its smoothing weights there are two. */
  preprocessing: preprocessingSchema,
  /** [D] Of the inputs, see Inputs. */
  weights: z.array(z.number()).min(2),
  /** Of the day after the origin. */
  dayMean: z.number(),
  daySd: z.number().positive(),
});
export type SmoothedHazard = z.output<typeof smoothedHazardSchema>;

/** Weights of the newest step: averages over about 10 steps and over nearly all of a window. */
const smoothingAlphas = [0.1, 0.03] as const;
const clipSds = 6;
/** Strength of the ridge, in units of one observation of a standardized input (scikit-learn's C = 1). */
const ridge = 1;
const originsMax = 20_000;
/** A step of Newton's method costs origins · inputs². */
const workMax = 1e9;

/** Fits on at most 20,000 origins, evenly chosen, fewer where there are hundreds of inputs. Needs at least one with a known future. */
export function fitSmoothedHazard(spec: FeatureSpec, histories: readonly History[]): SmoothedHazard {
  const preprocessing = fitPreprocessing(spec, histories, { smoothingAlphas, clipSds }, new Rng(1));
  const inputs = new Inputs(preprocessing);
  const origins = thin(
    originsOf(histories),
    Math.min(originsMax, Math.max(10 * inputs.count, Math.floor(workMax / inputs.count ** 2))),
  );
  const rows = origins.map((origin): DailyRow => {
    const values = new Float64Array(inputs.count);
    inputs.read(windowOf(spec, origin), values);
    return { inputs: values, daysAtRisk: daysAtRisk(origin), eventDay: eventDayOf(origin) };
  });
  const { mean: dayMean, sd: daySd } = momentsOfDays(rows);
  const weights = fitDailyLogistic(
    rows,
    dayInputs({ dayMean, daySd }, spec.horizonSteps),
    ridge,
    inputs.count,
  );
  return { preprocessing, weights: [...weights], dayMean, daySd };
}

const eventDayOf = ({ history, step }: Origin): number => history.eventDay[step] as number;

function daysAtRisk(origin: Origin): number {
  return eventDayOf(origin) || (origin.history.knownDays[origin.step] as number);
}

/** Of the days that all rows stand for. */
function momentsOfDays(rows: readonly DailyRow[]): { readonly mean: number; readonly sd: number } {
  let [count, sum, squares] = [0, 0, 0];
  for (const { daysAtRisk: days } of rows)
    for (let day = 1; day <= days; day++) {
      count += 1;
      sum += day;
      squares += day * day;
    }
  const mean = sum / count;
  return { mean, sd: Math.max(1e-6, Math.sqrt(Math.max(0, squares / count - mean * mean))) };
}

function dayInputs({ dayMean, daySd }: Pick<SmoothedHazard, 'dayMean' | 'daySd'>, horizonSteps: number) {
  return Float64Array.from({ length: horizonSteps }, (_, k) => (k + 1 - dayMean) / daySd);
}

/** Serves a fitted one. Not for two at a time: it keeps the inputs of the window that it reads. */
export class SmoothedHazardModel {
  readonly #inputs: Inputs;
  readonly #values: Float64Array;
  readonly #weights: Float64Array;
  /** [H] The odds of surviving day k are e^−base times this. */
  readonly #dayOdds: Float64Array;

  constructor(fitted: SmoothedHazard) {
    this.#inputs = new Inputs(fitted.preprocessing);
    this.#values = new Float64Array(this.#inputs.count);
    this.#weights = Float64Array.from(fitted.weights);
    const { horizonSteps } = fitted.preprocessing.spec;
    this.#dayOdds = dayInputs(fitted, horizonSteps).map((input) =>
      Math.exp(-input * (fitted.weights[1] as number)),
    );
  }

  /** [H] */
  curve(window: FeatureWindow): Float32Array {
    this.#inputs.read(window, this.#values);
    const odds = Math.exp(-dot(this.#weights, this.#values));
    const curve = new Float32Array(this.#dayOdds.length);
    let survival = 1;
    for (let k = 0; k < curve.length; k++) {
      survival *= 1 - 1 / (1 + odds * (this.#dayOdds[k] as number));
      curve[k] = 1 - survival;
    }
    return curve;
  }
}

/**
 * What the regression is given: 1, a place for the day (0), the newest value that is there of every feature, then of every
 * measured one its two averages; all standardised (by regime where there are some), 0 where nothing is there. It reads the
 * newest `windowSteps` rows: a machine in good order is asked about, too, at every origin.
 */
class Inputs {
  readonly count: number;
  readonly #regimes: Regimes;
  readonly #width: number;
  readonly #contextSteps: number;
  readonly #rowsMax: number;
  readonly #columns: readonly number[];
  /** Whether the column of that place has averages. */
  readonly #isSmoothed: readonly boolean[];
  readonly #keepShort: number;
  readonly #keepLong: number;
  /** [regime, column] */
  readonly #means: Float64Array;
  readonly #scales: Float64Array;
  /** [C] Of the window that is read, where there are several. */
  readonly #regimeOf: Uint8Array;
  /** [rowsMax + 1] Σ_{i<n} (1 − α)^i, by how many values are there. */
  readonly #shortTotals: Float64Array;
  readonly #longTotals: Float64Array;

  constructor({ spec, keptColumns, smoothedColumns, smoothingAlphas, regimes, means, sds }: Preprocessing) {
    const [short, long] = smoothingAlphas as [number, number];
    // A setting that names the regime says nothing more.
    const places = keptColumns.flatMap((column, place) => (regimes.columns.includes(column) ? [] : [place]));
    const flat = (by: readonly (readonly number[])[], of: (value: number) => number) =>
      Float64Array.from(by.flatMap((row) => places.map((place) => of(row[place] as number))));
    this.#regimes = regimes;
    this.#width = spec.names.length;
    this.#contextSteps = spec.contextSteps;
    this.#rowsMax = spec.windowSteps;
    this.#columns = places.map((place) => keptColumns[place] as number);
    this.#isSmoothed = this.#columns.map((column) => smoothedColumns.includes(column));
    this.#keepShort = 1 - short;
    this.#keepLong = 1 - long;
    this.#means = flat(means, (mean) => mean);
    this.#scales = flat(sds, (sd) => (sd > 0 ? 1 / sd : 0));
    this.#regimeOf = new Uint8Array(spec.contextSteps);
    this.#shortTotals = totalsOf(short, spec.windowSteps);
    this.#longTotals = totalsOf(long, spec.windowSteps);
    this.count = 2 + places.length + 2 * this.#isSmoothed.filter((is) => is).length;
  }

  read({ rows, stepCount }: FeatureWindow, target: Float64Array): void {
    const first = this.#contextSteps - Math.min(stepCount, this.#rowsMax);
    const columnCount = this.#columns.length;
    this.#assignRegimes(rows, first);
    target[0] = 1;
    target[1] = 0;
    let averageAt = 2 + columnCount;
    for (let place = 0; place < columnCount; place++) {
      const isSmoothed = this.#isSmoothed[place] as boolean;
      this.#readColumn(
        rows,
        isSmoothed ? first : this.#newestOf(rows, first, place),
        place,
        target,
        averageAt,
      );
      if (isSmoothed) averageAt += 2;
    }
  }

  /** The last row with a value, `first` if there is none. */
  #newestOf(rows: Float32Array, first: number, place: number): number {
    const column = this.#columns[place] as number;
    let step = this.#contextSteps - 1;
    while (step > first && Number.isNaN(rows[step * this.#width + column] as number)) step--;
    return step;
  }

  /** Most of the time that a forecast takes goes by here: what does not change along the column stands outside the loop. */
  #readColumn(
    rows: Float32Array,
    first: number,
    place: number,
    target: Float64Array,
    averageAt: number,
  ): void {
    const contextSteps = this.#contextSteps;
    const width = this.#width;
    const keepShort = this.#keepShort;
    const keepLong = this.#keepLong;
    const columnCount = this.#columns.length;
    const isOneRegime = this.#regimes.centroids.length === 0;
    let mean = this.#means[place] as number;
    let scale = this.#scales[place] as number;
    let newest = 0;
    let short = 0;
    let long = 0;
    let count = 0;
    let at = first * width + (this.#columns[place] as number);
    for (let step = first; step < contextSteps; step++, at += width) {
      const value = rows[at] as number;
      if (Number.isNaN(value)) continue;
      if (!isOneRegime) {
        const own = (this.#regimeOf[step] as number) * columnCount + place;
        mean = this.#means[own] as number;
        scale = this.#scales[own] as number;
      }
      // A scale of 0: constant in that regime.
      newest = scale === 0 ? 0 : Math.max(-clipSds, Math.min(clipSds, (value - mean) * scale));
      short = keepShort * short + newest;
      long = keepLong * long + newest;
      count += 1;
    }
    target[2 + place] = newest;
    if (!(this.#isSmoothed[place] as boolean)) return;
    target[averageAt] = count === 0 ? 0 : short / (this.#shortTotals[count] as number);
    target[averageAt + 1] = count === 0 ? 0 : long / (this.#longTotals[count] as number);
  }

  #assignRegimes(rows: Float32Array, first: number): void {
    if (this.#regimes.centroids.length === 0) return;
    for (let step = first; step < this.#contextSteps; step++)
      this.#regimeOf[step] = assignRegime(
        this.#regimes,
        rows.subarray(step * this.#width, (step + 1) * this.#width),
      );
  }
}

function totalsOf(alpha: number, countMax: number): Float64Array {
  const totals = new Float64Array(countMax + 1);
  for (let count = 1; count <= countMax; count++)
    totals[count] = (1 - alpha) * (totals[count - 1] as number) + 1;
  return totals;
}
