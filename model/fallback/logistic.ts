/** Logistic regression by Newton's method, for a few dozen inputs. */

const iterationsMax = 50;

/**
 * Weights w that minimize Σ_i [ln(1 + e^(w·x_i)) − y_i w·x_i] + ridge/2 Σ_{j≥1} w_j². Input 0 is the constant 1: its
 * weight has a ridge of 1e-3 only, so that without any failure the hazard is small and the minimum exists. Starts at
 * `start`; strictly convex, so the result does not depend on it beyond the tolerance (largest step below 1e-5).
 */
export function fitLogistic(
  rows: readonly Float64Array[],
  outcomes: readonly number[],
  ridge: number,
  start: Float64Array,
): Float64Array {
  const penalty = penaltyOf(start.length, ridge);
  return minimize(
    (weights) => lossOf(rows, outcomes, weights, penalty),
    (weights) => derivatives(rows, outcomes, weights, penalty),
    start,
  );
}

/** Rows that stand for several: one for each day from 1 to `daysAtRisk`. */
export interface DailyRow {
  /** [D] Input 0 is 1, input 1 is 0: in its place comes the day's. */
  readonly inputs: Float64Array;
  readonly daysAtRisk: number;
  /** The day whose outcome is 1; 0: none. */
  readonly eventDay: number;
}

/** `fitLogistic` of all days' rows, started at 0, without making them: a row's inputs are the same on all of its days but for input 1, `dayInput[day − 1]`. */
export function fitDailyLogistic(
  rows: readonly DailyRow[],
  dayInput: Float64Array,
  ridge: number,
  inputCount: number,
): Float64Array {
  const penalty = penaltyOf(inputCount, ridge);
  return minimize(
    (weights) => dailyLoss(rows, dayInput, weights, penalty),
    (weights) => dailyDerivatives(rows, dayInput, weights, penalty),
    new Float64Array(inputCount),
  );
}

function penaltyOf(size: number, ridge: number): Float64Array {
  const penalty = new Float64Array(size).fill(ridge);
  penalty[0] = 1e-3;
  return penalty;
}

/** Gradient [D] and lower triangle of the Hessian [D, D]. */
interface Derivatives {
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
}

function minimize(
  lossAt: (weights: Float64Array) => number,
  derivativesAt: (weights: Float64Array) => Derivatives,
  start: Float64Array,
): Float64Array {
  let weights = start.slice();
  let loss = lossAt(weights);
  for (let iteration = 0; iteration < iterationsMax; iteration++) {
    const { gradient, hessian } = derivativesAt(weights);
    const step = solvePositive(hessian, gradient);
    // Newton's step may overshoot far from the minimum: halve it until the loss falls.
    let scale = 1;
    let moved = weights.map((w, j) => w - (step[j] as number));
    let movedLoss = lossAt(moved);
    while (!(movedLoss <= loss) && scale > 1e-6) {
      scale /= 2;
      moved = weights.map((w, j) => w - scale * (step[j] as number));
      movedLoss = lossAt(moved);
    }
    if (!(movedLoss <= loss)) break;
    weights = moved;
    loss = movedLoss;
    if (scale * step.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) < 1e-5) break;
  }
  return weights;
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] as number) * (b[j] as number);
  return sum;
}

function lossOf(
  rows: readonly Float64Array[],
  outcomes: readonly number[],
  weights: Float64Array,
  penalty: Float64Array,
): number {
  let sum = penaltyAt(weights, penalty);
  for (let i = 0; i < rows.length; i++)
    sum += lossOfLogit(dot(weights, rows[i] as Float64Array), outcomes[i] as number);
  return sum;
}

function dailyLoss(
  rows: readonly DailyRow[],
  dayInput: Float64Array,
  weights: Float64Array,
  penalty: Float64Array,
): number {
  let sum = penaltyAt(weights, penalty);
  for (const { inputs, daysAtRisk, eventDay } of rows) {
    const base = dot(weights, inputs);
    for (let day = 1; day <= daysAtRisk; day++)
      sum += lossOfLogit(
        base + (weights[1] as number) * (dayInput[day - 1] as number),
        day === eventDay ? 1 : 0,
      );
  }
  return sum;
}

function lossOfLogit(logit: number, outcome: number): number {
  return Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))) - outcome * logit;
}

function penaltyAt(weights: Float64Array, penalty: Float64Array): number {
  return weights.reduce((sum, w, j) => sum + 0.5 * (penalty[j] as number) * w * w, 0);
}

/** Those of the penalty. */
function startDerivatives(weights: Float64Array, penalty: Float64Array): Derivatives {
  const size = weights.length;
  const hessian = new Float64Array(size * size);
  for (let j = 0; j < size; j++) hessian[j * size + j] = penalty[j] as number;
  return { gradient: weights.map((w, j) => (penalty[j] as number) * w), hessian };
}

function derivatives(
  rows: readonly Float64Array[],
  outcomes: readonly number[],
  weights: Float64Array,
  penalty: Float64Array,
): Derivatives {
  const size = weights.length;
  const { gradient, hessian } = startDerivatives(weights, penalty);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as Float64Array;
    const p = 1 / (1 + Math.exp(-dot(weights, row)));
    const residual = p - (outcomes[i] as number);
    for (let j = 0; j < size; j++) gradient[j] = (gradient[j] as number) + residual * (row[j] as number);
    const curvature = p * (1 - p);
    // Rows far from the boundary bend nothing. Leaving them out changes the path, not the minimum.
    if (curvature >= 1e-5) addOuter(hessian, row, curvature);
  }
  return { gradient, hessian };
}

/** What a row's days sum up to is multiplied with its inputs once. */
function dailyDerivatives(
  rows: readonly DailyRow[],
  dayInput: Float64Array,
  weights: Float64Array,
  penalty: Float64Array,
): Derivatives {
  const size = weights.length;
  const { gradient, hessian } = startDerivatives(weights, penalty);
  for (const { inputs, daysAtRisk, eventDay } of rows) {
    const base = dot(weights, inputs);
    let [residual, residualDay, curvature, curvatureDay, curvatureDay2] = [0, 0, 0, 0, 0];
    for (let day = 1; day <= daysAtRisk; day++) {
      const input = dayInput[day - 1] as number;
      const p = 1 / (1 + Math.exp(-base - (weights[1] as number) * input));
      const r = p - (day === eventDay ? 1 : 0);
      const c = p * (1 - p);
      residual += r;
      residualDay += r * input;
      curvature += c;
      curvatureDay += c * input;
      curvatureDay2 += c * input * input;
    }
    for (let j = 0; j < size; j++) gradient[j] = (gradient[j] as number) + residual * (inputs[j] as number);
    gradient[1] = (gradient[1] as number) + residualDay;
    addOuter(hessian, inputs, curvature);
    for (let j = 2; j < size; j++)
      hessian[j * size + 1] = (hessian[j * size + 1] as number) + curvatureDay * (inputs[j] as number);
    hessian[size] = (hessian[size] as number) + curvatureDay;
    hessian[size + 1] = (hessian[size + 1] as number) + curvatureDay2;
  }
  return { gradient, hessian };
}

/** Adds scale · x xᵀ to the lower triangle. */
function addOuter(hessian: Float64Array, x: Float64Array, scale: number): void {
  const size = x.length;
  for (let j = 0; j < size; j++) {
    const scaled = scale * (x[j] as number);
    for (let k = 0; k <= j; k++)
      hessian[j * size + k] = (hessian[j * size + k] as number) + scaled * (x[k] as number);
  }
}

/** Solves A x = b for a positive definite A (lower triangle, overwritten) by Cholesky. */
function solvePositive(a: Float64Array, b: Float64Array): Float64Array {
  const size = b.length;
  const at = (row: number, column: number) => a[row * size + column] as number;
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      a[i * size + j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  const x = b.slice();
  for (let i = 0; i < size; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= at(i, k) * (x[k] as number);
    x[i] = sum / at(i, i);
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let k = i + 1; k < size; k++) sum -= at(k, i) * (x[k] as number);
    x[i] = sum / at(i, i);
  }
  return x;
}
