/**
 * Exponential smoothing and one linear layer: what is left of a network when its memory is a fixed average. Measured
 * to be the baseline that an LSTM on C-MAPSS has to beat. Knows no operating regimes: where settings jump (FD002)
 * its z-scores are those of the whole fleet.
 */
import type { FeatureSpec, History } from '../../domain/features.js';
import { accumulateHazards } from '../../domain/hazards.js';
import { dot, fitLogistic } from '../../model/fallback/logistic.js';
import type { Baseline } from './baseline.js';

/** Weight of the newest step: averages over about 10 and 33 steps. */
const alphas = [0.1, 0.03];

/** z-scores are kept within ± this: one wild step may not own an average. */
const zScoreMax = 6;

/** Strength of the ridge, in units of one observation of a standardized input (scikit-learn's C = 1). */
const ridge = 1;

/**
 * The hazard of day k after the origin is a logistic regression of its own, k = 1..H, on the smoothed z-scores of all
 * features (averages that ignore missing values and correct for their start) and the newest ones; fitted with ridge
 * on the training rows whose machines ran up to day k − 1 and whose day k is known. Statistics come from the training
 * rows only, unless a probe for leakage says otherwise. Features that never vary are left out.
 */
export function fitSmoothedLinear(
  histories: readonly History[],
  spec: FeatureSpec,
  statisticsFrom: readonly History[] = histories,
): Baseline {
  const scaling = fitScaling(statisticsFrom, spec.names.length);
  const inputCount = 1 + scaling.columns.length * (1 + alphas.length);
  const inputs = histories.map((history) => smoothInputs(history, spec.names.length, scaling, inputCount));
  const weights: Float64Array[] = [];
  for (let day = 1; day <= spec.horizonSteps; day++) {
    const rows: Float64Array[] = [];
    const failed: number[] = [];
    histories.forEach((history, h) => {
      const own = inputs[h] as Float64Array;
      for (let row = 0; row < history.stepCount; row++) {
        const event = history.eventDay[row] as number;
        if (event > 0 ? event < day : (history.knownDays[row] as number) < day) continue;
        rows.push(own.subarray(row * inputCount, (row + 1) * inputCount));
        failed.push(event === day ? 1 : 0);
      }
    });
    weights.push(fitLogistic(rows, failed, ridge, weights.at(-1) ?? new Float64Array(inputCount)));
  }
  const cache = new WeakMap<History, Float64Array>();
  return {
    name: 'smoothing + linear',
    predict: (history, row) => {
      let own = cache.get(history);
      if (!own) {
        own = smoothInputs(history, spec.names.length, scaling, inputCount);
        cache.set(history, own);
      }
      const input = own.subarray(row * inputCount, (row + 1) * inputCount);
      return accumulateHazards(Float64Array.from(weights, (day) => 1 / (1 + Math.exp(-dot(day, input)))));
    },
  };
}

/** Which columns vary over the training rows, and their mean and standard deviation. */
interface Scaling {
  readonly columns: readonly number[];
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

function fitScaling(histories: readonly History[], featureCount: number): Scaling {
  const count = new Float64Array(featureCount);
  const mean = new Float64Array(featureCount);
  const m2 = new Float64Array(featureCount);
  for (const { rows, stepCount } of histories) {
    for (let i = 0; i < stepCount * featureCount; i++) {
      const value = rows[i] as number;
      if (!Number.isFinite(value)) continue;
      const column = i % featureCount;
      const seen = (count[column] as number) + 1;
      count[column] = seen;
      const delta = value - (mean[column] as number);
      mean[column] = (mean[column] as number) + delta / seen;
      m2[column] = (m2[column] as number) + delta * (value - (mean[column] as number));
    }
  }
  const deviation = m2.map((sum, column) => Math.sqrt(sum / Math.max(1, count[column] as number)));
  // A deviation at the level of single precision's rounding is a constant.
  const columns = [...deviation.keys()].filter(
    (column) => (deviation[column] as number) > 1e-6 * Math.max(1e-6, Math.abs(mean[column] as number)),
  );
  return { columns, mean, deviation };
}

/**
 * [L, inputCount] row-major: 1, then per varying column the newest z-score present and its running averages:
 * (Σ_i (1 − α)^(n − i) z_i) / (Σ_i (1 − α)^(n − i)) over the n values present so far; 0 before the first.
 */
function smoothInputs(
  history: History,
  featureCount: number,
  { columns, mean, deviation }: Scaling,
  inputCount: number,
): Float64Array {
  const inputs = new Float64Array(history.stepCount * inputCount);
  const sums = new Float64Array(columns.length * alphas.length);
  const totals = new Float64Array(columns.length * alphas.length);
  const newest = new Float64Array(columns.length);
  for (let row = 0; row < history.stepCount; row++) {
    let at = row * inputCount;
    inputs[at++] = 1;
    columns.forEach((column, c) => {
      const value = history.rows[row * featureCount + column] as number;
      const present = Number.isFinite(value);
      const raw = (value - (mean[column] as number)) / (deviation[column] as number);
      if (present) newest[c] = Math.max(-zScoreMax, Math.min(zScoreMax, raw));
      const z = newest[c] as number;
      inputs[at++] = z;
      alphas.forEach((alpha, a) => {
        const i = c * alphas.length + a;
        if (present) {
          sums[i] = (1 - alpha) * (sums[i] as number) + z;
          totals[i] = (1 - alpha) * (totals[i] as number) + 1;
        }
        inputs[at++] = totals[i] === 0 ? 0 : (sums[i] as number) / (totals[i] as number);
      });
    });
  }
  return inputs;
}
