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
  const size = start.length;
  const penalty = new Float64Array(size).fill(ridge);
  penalty[0] = 1e-3;
  let weights = start.slice();
  let loss = lossOf(rows, outcomes, weights, penalty);
  for (let iteration = 0; iteration < iterationsMax; iteration++) {
    const { gradient, hessian } = derivatives(rows, outcomes, weights, penalty);
    const step = solvePositive(hessian, gradient);
    // Newton's step may overshoot far from the minimum: halve it until the loss falls.
    let scale = 1;
    let moved = weights.map((w, j) => w - (step[j] as number));
    let movedLoss = lossOf(rows, outcomes, moved, penalty);
    while (!(movedLoss <= loss) && scale > 1e-6) {
      scale /= 2;
      moved = weights.map((w, j) => w - scale * (step[j] as number));
      movedLoss = lossOf(rows, outcomes, moved, penalty);
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
  let sum = 0;
  for (let j = 0; j < weights.length; j++)
    sum += 0.5 * (penalty[j] as number) * (weights[j] as number) * (weights[j] as number);
  for (let i = 0; i < rows.length; i++) {
    const logit = dot(weights, rows[i] as Float64Array);
    sum += Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))) - (outcomes[i] as number) * logit;
  }
  return sum;
}

/** Gradient [D] and lower triangle of the Hessian [D, D]. */
function derivatives(
  rows: readonly Float64Array[],
  outcomes: readonly number[],
  weights: Float64Array,
  penalty: Float64Array,
): { gradient: Float64Array; hessian: Float64Array } {
  const size = weights.length;
  const gradient = weights.map((w, j) => (penalty[j] as number) * w);
  const hessian = new Float64Array(size * size);
  for (let j = 0; j < size; j++) hessian[j * size + j] = penalty[j] as number;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as Float64Array;
    const p = 1 / (1 + Math.exp(-dot(weights, row)));
    const residual = p - (outcomes[i] as number);
    for (let j = 0; j < size; j++) gradient[j] = (gradient[j] as number) + residual * (row[j] as number);
    const curvature = p * (1 - p);
    // Rows far from the boundary bend nothing. Leaving them out changes the path, not the minimum.
    if (curvature < 1e-5) continue;
    for (let j = 0; j < size; j++) {
      const scaled = curvature * (row[j] as number);
      for (let k = 0; k <= j; k++)
        hessian[j * size + k] = (hessian[j * size + k] as number) + scaled * (row[k] as number);
    }
  }
  return { gradient, hessian };
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
