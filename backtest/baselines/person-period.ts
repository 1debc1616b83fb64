/**
 * Person-period logistic regression: one row per origin and day k after it that the machine lived to see, one target
 * ("fails on day k"), one set of weights for all days, k among the inputs (Singer & Willett 1993; Allison 1982).
 */
import { type FeatureSpec, type History, isCount, isMeasured } from '../../domain/features.js';
import { accumulateHazards } from '../../domain/hazards.js';
import { type DailyRow, dot, fitDailyLogistic } from '../../model/fallback/logistic.js';
import type { Baseline } from './baseline.js';

/** Steps of the running means, and of the running sums of counts. */
const shortSteps = 3;
const longSteps = 7;

/** Strength of the ridge, in units of one observation of a standardized input (scikit-learn's C = 1). */
const ridge = 1;

/**
 * Inputs at an origin: the newest value of every feature; of measured ones the means of the newest 3 and 7 steps and how
 * far the newest stands above the latter; of counts the sum of the newest 7 steps. Missing values count as the mean of
 * the training rows. Inputs are standardized on the person-period rows; those that never vary are left out.
 */
export function fitPersonPeriod(histories: readonly History[], spec: FeatureSpec): Baseline {
  const { horizonSteps } = spec;
  const raw = histories.map((history) => originInputs(history, spec));
  const exposure = histories.map((history) =>
    Array.from({ length: history.stepCount }, (_, row) => daysAtRisk(history, row, horizonSteps)),
  );
  const scaling = fitScaling(raw, exposure);
  const dayInput = Float64Array.from(
    { length: horizonSteps },
    (_, k) => (k + 1 - scaling.dayMean) / scaling.dayDeviation,
  );
  const rows = histories.flatMap(({ stepCount, eventDay }, h) =>
    Array.from({ length: stepCount }, (_, row): DailyRow => {
      const daysAtRisk = exposure[h]?.[row] as number;
      const event = eventDay[row] as number;
      return { inputs: scaled(raw[h] as OriginInputs, row, scaling), daysAtRisk, eventDay: event };
    }),
  );
  const weights = fitDailyLogistic(rows, dayInput, ridge, scaling.columns.length + 2);
  const cache = new WeakMap<History, OriginInputs>();
  return {
    name: 'person-period logistic',
    predict: (history, row) => {
      let own = cache.get(history);
      if (!own) {
        own = originInputs(history, spec);
        cache.set(history, own);
      }
      const base = dot(weights, scaled(own, row, scaling));
      return accumulateHazards(
        dayInput.map((input) => 1 / (1 + Math.exp(-base - (weights[1] as number) * input))),
      );
    },
  };
}

/** Days after a row on which its machine was known to be at risk. */
function daysAtRisk({ eventDay, knownDays }: History, row: number, horizonSteps: number): number {
  const event = eventDay[row] as number;
  return Math.min(horizonSteps, event > 0 ? event : (knownDays[row] as number));
}

interface OriginInputs {
  /** [L, width] row-major, NaN where missing. */
  readonly values: Float64Array;
  readonly width: number;
}

function originInputs({ rows, stepCount }: History, { names }: FeatureSpec): OriginInputs {
  const features = names.length;
  const measured = names.flatMap((name, column) => (isMeasured(name) && !isCount(name) ? [column] : []));
  const counts = names.flatMap((name, column) => (isCount(name) ? [column] : []));
  const width = features + 3 * measured.length + counts.length;
  const values = new Float64Array(stepCount * width);
  for (let row = 0; row < stepCount; row++) {
    let at = row * width;
    for (let column = 0; column < features; column++) values[at++] = rows[row * features + column] as number;
    const recent = (column: number, steps: number) =>
      runningMean(rows, features, column, Math.max(0, row + 1 - steps), row);
    for (const column of measured) {
      const long = recent(column, longSteps);
      values[at++] = recent(column, shortSteps);
      values[at++] = long;
      values[at++] = (rows[row * features + column] as number) - long;
    }
    for (const column of counts) values[at++] = recent(column, longSteps) * Math.min(longSteps, row + 1);
  }
  return { values, width };
}

/** Of what is there in rows `first` to `last`; NaN where nothing is. */
function runningMean(rows: Float32Array, features: number, column: number, first: number, last: number) {
  let sum = 0;
  let count = 0;
  for (let row = first; row <= last; row++) {
    const value = rows[row * features + column] as number;
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}

interface Scaling {
  /** Inputs that vary, with their means and deviations. */
  readonly columns: readonly number[];
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  readonly dayMean: number;
  readonly dayDeviation: number;
}

/** Over the person-period rows: an origin counts once for each of its days at risk. */
function fitScaling(raw: readonly OriginInputs[], exposure: readonly (readonly number[])[]): Scaling {
  const width = raw[0]?.width ?? 0;
  const count = new Float64Array(width + 1);
  const mean = new Float64Array(width + 1);
  const m2 = new Float64Array(width + 1);
  const add = (column: number, value: number, weight: number) => {
    if (!Number.isFinite(value) || weight === 0) return;
    count[column] = (count[column] as number) + weight;
    const delta = value - (mean[column] as number);
    mean[column] = (mean[column] as number) + (delta * weight) / (count[column] as number);
    m2[column] = (m2[column] as number) + weight * delta * (value - (mean[column] as number));
  };
  raw.forEach(({ values }, h) => {
    (exposure[h] ?? []).forEach((days, row) => {
      for (let column = 0; column < width; column++)
        add(column, values[row * width + column] as number, days);
      for (let day = 1; day <= days; day++) add(width, day, 1);
    });
  });
  const deviation = m2.map((sum, column) => Math.sqrt(sum / Math.max(1, count[column] as number)));
  // A deviation at the level of single precision's rounding is a constant.
  const varies = (column: number) =>
    (deviation[column] as number) > 1e-6 * Math.max(1e-6, Math.abs(mean[column] as number));
  return {
    columns: Array.from({ length: width }, (_, column) => column).filter(varies),
    mean,
    deviation,
    dayMean: mean[width] as number,
    dayDeviation: Math.max(1e-6, deviation[width] as number),
  };
}

/** 1, 0 for the day, and the inputs that vary. */
function scaled({ values, width }: OriginInputs, row: number, scaling: Scaling): Float64Array {
  const { columns, mean, deviation } = scaling;
  const inputs = new Float64Array(columns.length + 2);
  inputs[0] = 1;
  columns.forEach((column, index) => {
    const value = values[row * width + column] as number;
    inputs[index + 2] = Number.isFinite(value)
      ? (value - (mean[column] as number)) / (deviation[column] as number)
      : 0;
  });
  return inputs;
}
