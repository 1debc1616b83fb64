/**
 * Calibration on the scale of logits: σ(slope · logit(F) + intercept). Platt scaling fits both (Platt 1999, with his
 * targets that are never quite 0 or 1), temperature scaling the slope alone (Guo et al. 2017; the temperature is
 * 1 / slope). Both by maximum likelihood.
 */
export interface Sigmoid {
  readonly slope: number;
  readonly intercept: number;
}

/** Forecasts nearer to 0 or 1 count as this far from them: float32 near 1 is no finer. */
export const leastProbability = 2 ** -24;

export function logit(probability: number): number {
  const p = Math.min(Math.max(probability, leastProbability), 1 - leastProbability);
  return Math.log(p / (1 - p));
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export function applySigmoid({ slope, intercept }: Sigmoid, probability: number): number {
  return sigmoid(slope * logit(probability) + intercept);
}

const steepest = 20;

/** `logits` [N] of the forecasts; `failed` [N], 0 or 1. The slope lies in [1/20, 20], or 1 where the rows tell none. */
export function fitTemperature(logits: ArrayLike<number>, failed: ArrayLike<number>): Sigmoid {
  // The gradient of the log-likelihood falls with the slope: its zero by bisection.
  const gradient = (slope: number) => {
    let sum = 0;
    for (let row = 0; row < logits.length; row++)
      sum += logits[row]! * (failed[row]! - sigmoid(slope * logits[row]!));
    return sum;
  };
  let low = 1 / steepest;
  let high = steepest;
  if (gradient(low) <= 0) return { slope: gradient(low) === 0 ? 1 : low, intercept: 0 };
  if (gradient(high) >= 0) return { slope: high, intercept: 0 };
  for (let turn = 0; turn < 60; turn++) {
    const middle = (low + high) / 2;
    if (gradient(middle) > 0) low = middle;
    else high = middle;
  }
  return { slope: (low + high) / 2, intercept: 0 };
}

/** As fitTemperature, with an intercept. A fit that would turn the order of forecasts round is the constant share. */
export function fitPlatt(logits: ArrayLike<number>, failed: ArrayLike<number>): Sigmoid {
  const count = logits.length;
  let failures = 0;
  for (let row = 0; row < count; row++) failures += failed[row]!;
  const high = (failures + 1) / (failures + 2);
  const low = 1 / (count - failures + 2);
  const target = (row: number) => (failed[row]! > 0 ? high : low);
  const loss = (slope: number, intercept: number) => {
    let sum = 0;
    for (let row = 0; row < count; row++) {
      const x = slope * logits[row]! + intercept;
      sum += Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - target(row) * x;
    }
    return sum;
  };
  let slope = 0;
  let intercept = Math.log((failures + 1) / (count - failures + 1));
  let best = loss(slope, intercept);
  for (let turn = 0; turn < 100; turn++) {
    // Newton; the Hessian with a little on its diagonal, so that equal logits do not make it singular.
    let g0 = 0;
    let g1 = 0;
    let h00 = 1e-12;
    let h01 = 0;
    let h11 = 1e-12;
    for (let row = 0; row < count; row++) {
      const x = logits[row]!;
      const p = sigmoid(slope * x + intercept);
      const weight = p * (1 - p);
      g0 += x * (p - target(row));
      g1 += p - target(row);
      h00 += weight * x * x;
      h01 += weight * x;
      h11 += weight;
    }
    const determinant = h00 * h11 - h01 * h01;
    const byDeterminant = (value: number) => (determinant > 0 ? value / determinant : 0);
    const down0 = byDeterminant(h11 * g0 - h01 * g1);
    const down1 = byDeterminant(h00 * g1 - h01 * g0);
    let share = 1;
    while (share > 1e-9 && loss(slope - share * down0, intercept - share * down1) > best) share /= 2;
    const next = loss(slope - share * down0, intercept - share * down1);
    if (!(next < best)) break;
    slope -= share * down0;
    intercept -= share * down1;
    const gain = best - next;
    best = next;
    if (gain < 1e-14 * best) break;
  }
  if (slope <= 0) return { slope: 0, intercept: Math.log((failures + 1) / (count - failures + 1)) };
  return { slope, intercept };
}
