/**
 * Lives by age alone: a Weibull law by maximum likelihood, over lives that are left-truncated (first seen at some age) and
 * right-censored. A step is survived or not, so the likelihood is that of the discrete hazards
 * h(age) = 1 − exp(−((age + 1)^shape − age^shape) / scale^shape): exact for failures known to the step.
 */
import { assert } from '../../domain/assert.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { accumulateHazards } from '../../domain/hazards.js';

/** Failures and machine-steps at risk by age: step `age + 1` of a life is the one after age `age`. */
interface Exposure {
  readonly ages: Float64Array;
  readonly atRisk: Float64Array;
  readonly failed: Float64Array;
}

/** Cumulative hazard of a Weibull life: (age / scaleSteps)^shape. */
export interface Weibull {
  readonly shape: number;
  readonly scaleSteps: number;
}

function hazardAt({ shape, scaleSteps }: Weibull, age: number): number {
  return -Math.expm1((age / scaleSteps) ** shape - ((age + 1) / scaleSteps) ** shape);
}

/** [H] F_1..F_H of a machine that has lived `age` steps. */
export function weibullCurve(weibull: Weibull, age: number, horizonSteps: number): Float64Array {
  return accumulateHazards(Float64Array.from({ length: horizonSteps }, (_, k) => hazardAt(weibull, age + k)));
}

/**
 * Steps lived at the end of a row's step: the feature `age` (ordinal of the step in the present life) plus one, or the
 * row's number from 1 where there is no such feature.
 */
export function ageAt(history: History, row: number, spec: FeatureSpec): number {
  const column = spec.names.indexOf('age');
  const age = column < 0 ? Number.NaN : (history.rows[row * spec.names.length + column] as number);
  return Number.isFinite(age) && age >= 0 ? age + 1 : row + 1;
}

/** Each step of a life once: the first day after every row, and all known days after the last row. */
function exposureByAge(histories: readonly History[], spec: FeatureSpec): Exposure {
  const byAge = new Map<number, { atRisk: number; failed: number }>();
  const add = (age: number, failed: number) => {
    const entry = byAge.get(age);
    if (entry) {
      entry.atRisk++;
      entry.failed += failed;
    } else byAge.set(age, { atRisk: 1, failed });
  };
  for (const history of histories) {
    for (let row = 0; row < history.stepCount; row++) {
      const event = history.eventDay[row] as number;
      const known = event > 0 ? event : (history.knownDays[row] as number);
      const days = row === history.stepCount - 1 ? known : Math.min(1, known);
      const age = ageAt(history, row, spec);
      for (let day = 1; day <= days; day++) add(age + day - 1, day === event ? 1 : 0);
    }
  }
  const entries = [...byAge].sort((a, b) => a[0] - b[0]);
  return {
    ages: Float64Array.from(entries, ([age]) => age),
    atRisk: Float64Array.from(entries, ([, entry]) => entry.atRisk),
    failed: Float64Array.from(entries, ([, entry]) => entry.failed),
  };
}

/**
 * Needs at least one failure (asserted). Profile likelihood: for each shape the best rate in closed iteration, over the
 * shape by golden section.
 */
export function fitWeibull(histories: readonly History[], spec: FeatureSpec): Weibull {
  const exposure = exposureByAge(histories, spec);
  assert(
    exposure.failed.some((count) => count > 0),
    'at least one failure in the histories',
  );
  const value = (logShape: number) => bestRate(exposure, Math.exp(logShape)).logLikelihood;
  // A coarse search first: the profile is flat far from its top.
  let best = -2;
  for (let logShape = -2; logShape <= 4; logShape += 0.25) if (value(logShape) > value(best)) best = logShape;
  const shape = Math.exp(goldenMaximum(value, best - 0.25, best + 0.25));
  return { shape, scaleSteps: bestRate(exposure, shape).rate ** (-1 / shape) };
}

/**
 * For a fixed shape, the rate θ = scale^−shape that maximizes Σ failed ln(1 − e^(−θg)) − (atRisk − failed) θg with
 * g = (age + 1)^shape − age^shape. Concave in θ: the root of the derivative, bracketed and bisected in ln θ.
 */
function bestRate(exposure: Exposure, shape: number): { rate: number; logLikelihood: number } {
  const { ages, atRisk, failed } = exposure;
  const growth = ages.map((age) => (age + 1) ** shape - age ** shape);
  const slope = (rate: number) => {
    let sum = 0;
    for (let i = 0; i < growth.length; i++) {
      const g = growth[i] as number;
      const d = failed[i] as number;
      sum -= ((atRisk[i] as number) - d) * g;
      if (d > 0) sum += (d * g) / Math.expm1(rate * g);
    }
    return sum;
  };
  // With every machine-step failing the likelihood has no finite top: the bracket's end is then the answer.
  let low = -200;
  let high = 50;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (slope(Math.exp(middle)) > 0) low = middle;
    else high = middle;
  }
  const rate = Math.exp((low + high) / 2);
  let logLikelihood = 0;
  for (let i = 0; i < growth.length; i++) {
    const x = rate * (growth[i] as number);
    const d = failed[i] as number;
    logLikelihood -= ((atRisk[i] as number) - d) * x;
    if (d > 0) logLikelihood += d * Math.log(-Math.expm1(-x));
  }
  return { rate, logLikelihood };
}

/** Golden-section search for the maximum of a unimodal function on [low, high]. */
function goldenMaximum(value: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  let [left, right] = [b - ratio * (b - a), a + ratio * (b - a)];
  let [leftValue, rightValue] = [value(left), value(right)];
  while (b - a > 1e-6) {
    if (leftValue < rightValue) {
      [a, left, leftValue] = [left, right, rightValue];
      right = a + ratio * (b - a);
      rightValue = value(right);
    } else {
      [b, right, rightValue] = [right, left, leftValue];
      left = b - ratio * (b - a);
      leftValue = value(left);
    }
  }
  return (a + b) / 2;
}
