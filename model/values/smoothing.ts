/**
 * Exponential smoothing of one series: simple, Holt's trend, Holt and Winters' additive season. Fitted once on a
 * stretch of a series, then carried along it.
 *
 *   level'  = α (y − season) + (1 − α)(level + trend)
 *   trend'  = β (level' − level) + (1 − β) trend
 *   season' = γ (y − level − trend) + (1 − γ) season
 *   ŷ(k)    = level + k · trend + season of the step k ahead
 *
 * The state-space forms ETS(A,N,N), (A,A,N) and (A,A,A). Source: Hyndman, Koehler, Ord & Snyder 2008, Forecasting with
 * Exponential Smoothing, chapter 2. A missing value (NaN) leaves the seasons as they are and moves the level along its
 * trend. Checked against statsmodels in test/model/values/smoothing.golden.test.ts.
 */
import { assert } from '../../domain/assert.js';

export const smoothingKinds = ['simple', 'holt', 'holt-winters'] as const;
export type SmoothingKind = (typeof smoothingKinds)[number];

export interface SmoothingModel {
  readonly kind: SmoothingKind;
  /** Weight of the newest value in the level, (0, 1). */
  readonly alpha: number;
  /** Weight of the newest step of the level in the trend; 0 for `simple`. */
  readonly beta: number;
  /** Weight of the newest value in its season; 0 without one. */
  readonly gamma: number;
  /** Steps after which the season comes again; 1 without one. */
  readonly seasonSteps: number;
}

/** Where a series stands after its newest value. */
export class Smoother {
  readonly #model: SmoothingModel;
  level: number;
  trend: number;
  /** The next season first. */
  readonly #seasons: number[];

  constructor(
    model: SmoothingModel,
    start: { readonly level: number; readonly trend: number; readonly seasons: readonly number[] },
  ) {
    assert(start.seasons.length === model.seasonSteps, 'a season for every step of one round');
    this.#model = model;
    this.level = start.level;
    this.trend = start.trend;
    this.#seasons = [...start.seasons];
  }

  /** Takes the next value, NaN where it is missing; gives the error of its forecast (NaN then, too). */
  add(value: number): number {
    const { alpha, beta, gamma } = this.#model;
    const season = this.#seasons.shift() as number;
    const expected = this.level + this.trend;
    if (Number.isNaN(value)) {
      this.level = expected;
      this.#seasons.push(season);
      return NaN;
    }
    const level = alpha * (value - season) + (1 - alpha) * expected;
    this.trend = beta * (level - this.level) + (1 - beta) * this.trend;
    this.#seasons.push(gamma * (value - expected) + (1 - gamma) * season);
    this.level = level;
    return value - (expected + season);
  }

  /** ŷ of `stepsAhead` 1, 2, ... */
  forecast(stepsAhead: number): number {
    const season = this.#seasons[(stepsAhead - 1) % this.#seasons.length] as number;
    return this.level + stepsAhead * this.trend + season;
  }
}

/**
 * First states from the oldest values: the mean of the first round as level, the mean rise from the first round to the
 * second as trend, what the first round's values differ from its mean as seasons (Hyndman & Athanasopoulos 2021, §8.7
 * calls these the simple heuristics). Without a season the level is the first value and the trend the first rise.
 */
export function startSmoother(model: SmoothingModel, series: ArrayLike<number>): Smoother {
  const round = model.seasonSteps;
  const mean = (from: number, count: number) => {
    let [sum, seen] = [0, 0];
    for (let at = from; at < Math.min(series.length, from + count); at++)
      if (!Number.isNaN(series[at] as number)) {
        sum += series[at] as number;
        seen += 1;
      }
    return sum / seen;
  };
  const first = mean(0, round);
  const anywhere = mean(0, series.length);
  const level = Number.isNaN(first) ? (Number.isNaN(anywhere) ? 0 : anywhere) : first;
  const rise = (mean(round, round) - first) / round;
  const seasons = Array.from({ length: round }, (_, at) => (series[at] as number) - level);
  return new Smoother(model, {
    level,
    trend: model.kind === 'simple' || Number.isNaN(rise) ? 0 : rise,
    seasons: round === 1 ? [0] : seasons.map((value) => (Number.isNaN(value) ? 0 : value)),
  });
}

/** Mean of the squared errors one step ahead over the series; NaN where none could be judged. */
export function oneStepError(model: SmoothingModel, series: ArrayLike<number>): number {
  const smoother = startSmoother(model, series);
  let [sum, count] = [0, 0];
  for (let at = 0; at < series.length; at++) {
    const error = smoother.add(series[at] as number);
    if (Number.isNaN(error)) continue;
    sum += error * error;
    count += 1;
  }
  return sum / count;
}

const weightMin = 0.01;
const weightMax = 0.99;
const grid = [0.02, 0.1, 0.3, 0.6, 0.9];
const trendGrid = [0.01, 0.1, 0.3];
const stepMin = 0.005;

/**
 * The weights that give the least mean squared error one step ahead: the best of a grid, then ever smaller steps from
 * there, one weight at a time. `seasonSteps` counts for `holt-winters` only.
 */
export function fitSmoothing(
  kind: SmoothingKind,
  series: ArrayLike<number>,
  seasonSteps: number,
): SmoothingModel {
  const model = ([alpha, beta, gamma]: readonly number[]): SmoothingModel => ({
    kind,
    alpha: alpha as number,
    beta: beta ?? 0,
    gamma: gamma ?? 0,
    seasonSteps: kind === 'holt-winters' ? seasonSteps : 1,
  });
  const weightCount = smoothingKinds.indexOf(kind) + 1;
  const error = (weights: readonly number[]) => {
    const value = oneStepError(model(weights), series);
    return Number.isNaN(value) ? Infinity : value;
  };
  let best = { weights: [] as readonly number[], error: Infinity };
  const consider = (weights: readonly number[]) => {
    const own = error(weights);
    const better = own < best.error || best.weights.length === 0;
    if (better) best = { weights, error: own };
    return better;
  };
  const cells = (axes: readonly (readonly number[])[]): number[][] =>
    axes.reduce<number[][]>(
      (sofar, axis) => sofar.flatMap((each) => axis.map((value) => [...each, value])),
      [[]],
    );
  for (const weights of cells([grid, trendGrid, trendGrid].slice(0, weightCount))) consider(weights);
  for (let step = 0.1; step >= stepMin; step /= 2)
    for (let moved = true; moved; ) {
      moved = false;
      for (let which = 0; which < weightCount; which++)
        for (const by of [step, -step]) {
          const value = Math.min(weightMax, Math.max(weightMin, (best.weights[which] as number) + by));
          moved = consider(best.weights.map((old, index) => (index === which ? value : old))) || moved;
        }
    }
  return model(best.weights);
}
