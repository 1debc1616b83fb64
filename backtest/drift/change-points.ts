/**
 * Where the level of a series jumps for good: the two-phase regression of climatology, made for stations whose sensor was replaced
 * (Wang 2003, "Comments on 'Detection of undocumented changepoints'", model with a common trend; Lund & Reeves 2002):
 *
 *   x_t = a + b t + δ 1(t ≥ c) + Σ_r γ_r 1(t ≥ r) + e_t    within 7 and within 14 steps on either side of c,
 *
 * r being times at which a jump is no surprise: maintenance, a failure. A slow change is taken by the trend b and leaves δ small; so wear is
 * no jump. e_t hangs together from step to step: with its autocorrelation ρ (Kendall's correction of its bias, 1954), n steps count as
 * n (1 − ρ) / (1 + ρ), in the standard error of δ and in the degrees of freedom of Student's t. The p-value of a jump is
 * Bonferroni's over all c that were tried.
 *
 * And it must last: the median of the steps after it, resets or not, must have moved by at least half of δ from that of the steps before it.
 * The last days of a part that wears out look like a jump, too, until it is replaced. Right at a reset, whose own jump is a part of δ, three
 * quarters of the steps after must lie beyond nine tenths of all steps before, over two resets or more: a new part takes a level back to
 * where it was after earlier ones.
 */
import { studentTail } from '../metrics/incomplete-beta.js';
import { quantile } from '../metrics/quantile.js';

export interface ChangePoint {
  /** First index of the new level. */
  readonly index: number;
  /** δ: new level less old, in the unit of the series. */
  readonly jump: number;
  /** Median of the steps after it less that of those before. */
  readonly moved: number;
  readonly t: number;
  /** Adjusted for the places tried in its series; two-sided. */
  readonly p: number;
}

/** A jump before it is known to last. */
interface Candidate extends Omit<ChangePoint, 'moved'> {
  /** A reset lies so near that the jump may be its. */
  readonly isAtReset: boolean;
}

/**
 * Steps looked at on either side: near ones, on which wear is straight, and more of them; fewest with a value; and fewest up to a reset, to tell
 * the jump from the reset's.
 */
export const changePointWindow = { reaches: [7, 14], least: 5, leastToResets: 3 } as const;
/** Steps on either side that tell of a jump: two that are nearer to each other are one. */
export const settleSteps = Math.max(...changePointWindow.reaches);
/** Steps on either side over which a jump must last, and the share of it that must be left. */
const lasting = { reach: 30, share: 0.5 } as const;
/** What must be known around a jump at a reset, and how far it must go. */
const beyond = { resets: 2, before: 60, after: 14, shareBefore: 0.9, shareAfter: 0.75 } as const;
/** Readings are not more exact than this share of themselves: no residuals are smaller. */
const precision = 1e-6;

/**
 * The most significant lasting jumps, at least `settleSteps` apart, with a p-value of at most `limit`. `values`: NaN where there is none. `resets`: true
 * where a jump to this index, or right after it, is no surprise.
 */
export function changePoints(
  values: Float64Array,
  resets: readonly boolean[],
  limit: number,
): readonly ChangePoint[] {
  const tried = Array.from(values, (_, index) => jumpAt(values, resets, index)).filter(
    (each) => each !== undefined,
  );
  const found: ChangePoint[] = [];
  for (const point of tried.sort((a, b) => a.p - b.p || Math.abs(b.t) - Math.abs(a.t))) {
    const p = Math.min(1, point.p * tried.length);
    if (p > limit) break;
    const moved = movedAt(values, point.index);
    const isNew = found.every(({ index }) => Math.abs(index - point.index) >= settleSteps);
    if (!isNew || moved / point.jump < lasting.share) continue;
    if (!point.isAtReset || isBeyond(values, resets, point))
      found.push({ index: point.index, jump: point.jump, moved, t: point.t, p });
  }
  return found.sort((a, b) => a.index - b.index);
}

function movedAt(values: Float64Array, index: number): number {
  const after = known(values, index, index + lasting.reach);
  return quantile(after, 0.5) - quantile(known(values, index - lasting.reach, index), 0.5);
}

/** Whether a jump at a reset leads to where the level has not been after earlier ones. */
function isBeyond(values: Float64Array, resets: readonly boolean[], { index, jump }: Candidate): boolean {
  const before = known(values, 0, index);
  const after = known(values, index, index + lasting.reach);
  const resetCount = resets
    .slice(0, index - changePointWindow.leastToResets)
    .filter((isReset) => isReset).length;
  if (resetCount < beyond.resets || before.length < beyond.before || after.length < beyond.after)
    return false;
  return jump > 0
    ? quantile(after, 1 - beyond.shareAfter) > quantile(before, beyond.shareBefore)
    : quantile(after, beyond.shareAfter) < quantile(before, 1 - beyond.shareBefore);
}

/** In ascending order; of the places that there are. */
function known(values: Float64Array, from: number, until: number): Float64Array {
  return values
    .slice(Math.max(0, from), Math.max(0, until))
    .filter((value) => !Number.isNaN(value))
    .sort();
}

/** δ at one place, in the window that tells it best; undefined where too little is known around it. */
function jumpAt(values: Float64Array, resets: readonly boolean[], index: number): Candidate | undefined {
  if (Number.isNaN(values[index])) return undefined;
  const tried = changePointWindow.reaches
    .map((reach) => jumpWithin(values, resets, index, reach))
    .filter((each) => each !== undefined);
  if (tried.length === 0) return undefined;
  const best = tried.reduce((a, b) => (b.p < a.p ? b : a));
  return { ...best, p: Math.min(1, tried.length * best.p) };
}

function jumpWithin(
  values: Float64Array,
  resets: readonly boolean[],
  index: number,
  reach: number,
): Candidate | undefined {
  const { least, leastToResets } = changePointWindow;
  const from = Math.max(0, index - reach);
  const until = Math.min(values.length, index + reach);
  const steps: number[] = [];
  for (let i = from; i < until; i++) if (!Number.isNaN(values[i])) steps.push(i);
  const countIn = (low: number, high: number) => steps.filter((i) => i >= low && i < high).length;
  if (countIn(from, index) < least || countIn(index, until) < least) return undefined;
  let isAtReset = false;
  const columns = [steps.map(() => 1), steps.map((i) => i - index)];
  for (let reset = from + 1; reset < until; reset++) {
    if (!resets[reset]) continue;
    if (countIn(Math.min(reset, index), Math.max(reset, index)) < leastToResets) isAtReset = true;
    else columns.push(steps.map((step) => (step >= reset ? 1 : 0)));
  }
  columns.push(steps.map((step) => (step >= index ? 1 : 0)));
  const told = steps.map((i) => values[i] as number);
  const fit = lastCoefficient(columns, told);
  const n = steps.length;
  const effective = n * shrinkage(fit.residuals, steps);
  const freedom = effective - columns.length;
  if (fit.leverage === 0 || freedom < 2) return undefined;
  const squares = Math.max(dot(fit.residuals, fit.residuals), dot(told, told) * precision ** 2);
  const variance = squares / (n - columns.length) / fit.leverage;
  const t = fit.coefficient / Math.sqrt((variance * n) / effective);
  return { index, jump: fit.coefficient, t, p: studentTail(t, freedom), isAtReset };
}

/** (1 − ρ) / (1 + ρ), at most 1; ρ over neighbouring steps. */
function shrinkage(residuals: readonly number[], steps: readonly number[]): number {
  let [product, square] = [0, 0];
  residuals.forEach((residual, i) => {
    square += residual * residual;
    if (i > 0 && steps[i] === (steps[i - 1] as number) + 1)
      product += residual * (residuals[i - 1] as number);
  });
  const raw = square === 0 ? 0 : product / square;
  const rho = Math.min(0.9, raw + (1 + 3 * raw) / residuals.length);
  return Math.min(1, (1 - rho) / (1 + rho));
}

/**
 * Least squares by Gram–Schmidt, in the order of the columns: the last one's coefficient, the sum of squares of what is left of that column
 * (`leverage`; 0 where the others hold it), and the residuals.
 */
function lastCoefficient(columns: readonly number[][], values: readonly number[]) {
  const basis: number[][] = [];
  let [residuals, coefficient, leverage] = [[...values], 0, 0];
  for (const column of columns) {
    let rest = [...column];
    for (const direction of basis)
      rest = less(rest, direction, dot(rest, direction) / dot(direction, direction));
    const size = dot(rest, rest);
    leverage = size < 1e-9 * dot(column, column) ? 0 : size;
    if (leverage === 0) continue;
    coefficient = dot(residuals, rest) / size;
    residuals = less(residuals, rest, coefficient);
    basis.push(rest);
  }
  return { coefficient, leverage, residuals };
}

/** Both as long. */
function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

const less = (a: readonly number[], b: readonly number[], factor: number) =>
  a.map((value, i) => value - factor * (b[i] as number));
