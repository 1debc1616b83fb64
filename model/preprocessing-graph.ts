/**
 * Raw features → inputs of the network, as nodes of a graph. Training, validation and serving put the same nodes
 * before the network, so that they cannot differ.
 *
 * Per feature: z = (x − mean) / sd of the row's regime, cut to ±clip; 0 where missing. Then, for measured features,
 * exponentially weighted means over all C rows, of what is there: (K·(m∘z)) / (K·m) with m = 1 where present and
 * K[r, c] = α(1 − α)^(r − c) for c ≤ r. Dividing by K·m corrects the start and leaves gaps out.
 */

import { checkDims, cubeDims, type Dim, dim, dimOf } from './graph/dims.js';
import type { Graph, Tensor } from './graph/graph.js';
import { add } from './graph/operators/add.js';
import { concat } from './graph/operators/concat.js';
import { divide } from './graph/operators/divide.js';
import { multiply } from './graph/operators/multiply.js';
import { split } from './graph/operators/split.js';
import { subtract } from './graph/operators/subtract.js';
import {
  cast,
  clip,
  cumulativeSum,
  eachTimes,
  indexOfLeast,
  isMissing,
  least,
  lessOrEqual,
  lookUp,
  maximum,
  select,
  timesEach,
  total,
  transpose,
  where,
} from './graph/operators/without-gradient.js';
import type { Preprocessing } from './preprocessing.js';
import { inputSize } from './preprocessing.js';

/** `oldest-first` for the unrolled network, `newest-first` for the fused one (see lstmFused). */
export type StepOrder = 'oldest-first' | 'newest-first';

export function windowDims(spec: Preprocessing['spec'], batch: Dim): readonly Dim[] {
  return [batch, dim('context', spec.contextSteps), dim('feature', spec.names.length)];
}

/** windows [B, C, F] raw, NaN where missing → [T, B, I]: the last T rows. */
export function preprocess(windows: Tensor, preprocessing: Preprocessing, order: StepOrder): Tensor {
  const { graph } = windows;
  const { spec, keptColumns, smoothedColumns, maskedColumns, smoothingAlphas } = preprocessing;
  const positions = (columns: readonly number[]) => columns.map((column) => keptColumns.indexOf(column));
  // Finite first: an infinite value times the 0 of a feature that is constant in its regime would be NaN.
  const kept = clip(select(windows, 'feature', keptColumns, 'kept'), -1e30, 1e30);
  const missing = isMissing(kept);
  const standardised = clip(
    standardise(windows, kept, preprocessing),
    -preprocessing.clipSds,
    preprocessing.clipSds,
  );
  const z = where(missing, graph.scalar(0), standardised);
  const absent = cast(missing, 'float');

  // Position in the context of each of the T steps that the network reads, in its order.
  const first = spec.contextSteps - spec.windowSteps;
  const steps = Array.from({ length: spec.windowSteps }, (_, index) =>
    order === 'oldest-first' ? first + index : spec.contextSteps - 1 - index,
  );
  const parts = [rename(select(z, 'context', steps, 'time'), 'input')];
  if (smoothedColumns.length > 0 && smoothingAlphas.length > 0) {
    const chosen = positions(smoothedColumns);
    const values = select(z, 'kept', chosen, 'smoothed');
    const present = subtract(graph.scalar(1), select(absent, 'kept', chosen, 'smoothed'));
    const both = timesEach(
      kernel(graph, spec.contextSteps, steps, smoothingAlphas),
      concat([values, present], 'smoothed'),
    );
    const smoothed = dim('smoothed', chosen.length);
    const [sums, weights] = split(both, 'smoothed', [smoothed, smoothed]);
    const means = divide(sums, maximum(weights, graph.scalar(1e-12)));
    const time = dim('time', steps.length);
    const perAlpha = split(
      means,
      'time',
      smoothingAlphas.map(() => time),
    );
    parts.push(...perAlpha.map((mean) => rename(mean, 'input')));
  }
  if (maskedColumns.length > 0) {
    const masks = select(absent, 'kept', positions(maskedColumns), 'masked');
    parts.push(rename(select(masks, 'context', steps, 'time'), 'input'));
  }
  const inputs = concat(parts, 'input');
  const [batch, time] = cubeDims('preprocess', 'inputs', inputs.dims);
  checkDims('preprocess', 'inputs', inputs.dims, [batch, time, dim('input', inputSize(preprocessing))]);
  return transpose(inputs, ['time', batch.name, 'input']);
}

/**
 * windows [B, C, F] → [B] int32: how many of the last T rows belong to the history. Rows before the first that has
 * any value are padding; later rows without values are a silence, and count.
 */
export function realStepCounts(windows: Tensor, spec: Preprocessing['spec']): Tensor {
  const { graph } = windows;
  const empty = least(cast(isMissing(windows), 'float'), 'feature'); // [B, C]: 1 where all missing
  const seen = cumulativeSum(subtract(graph.scalar(1), empty), 'context');
  const started = cast(lessOrEqual(graph.scalar(1), seen), 'int32');
  const newest = Array.from({ length: spec.windowSteps }, (_, index) => spec.contextSteps - 1 - index);
  return total(select(started, 'context', newest, 'time'), 'time');
}

function standardise(windows: Tensor, kept: Tensor, preprocessing: Preprocessing): Tensor {
  const { graph } = windows;
  const { regimes, means, sds } = preprocessing;
  const inverse = sds.map((row) => row.map((sd) => (sd > 0 ? 1 / sd : 0)));
  const features = dimOf('standardise', kept.dims, 'kept');
  if (regimes.centroids.length === 0)
    return multiply(
      subtract(kept, graph.constant([features], means.flat())),
      graph.constant([features], inverse.flat()),
    );
  const setting = dim('setting', regimes.columns.length);
  const regime = dim('regime', regimes.centroids.length);
  const raw = select(windows, 'feature', regimes.columns, 'setting');
  const scaled = multiply(
    subtract(raw, graph.constant([setting], regimes.means)),
    graph.constant(
      [setting],
      regimes.sds.map((sd) => 1 / sd),
    ),
  );
  const point = where(isMissing(raw), graph.scalar(0), scaled);
  // |s − c|² without |s|², which is the same for all regimes.
  const doubled = regimes.columns.flatMap((_, column) =>
    regimes.centroids.map((centroid) => -2 * centroid[column]!),
  );
  const squares = regimes.centroids.map((centroid) =>
    centroid.reduce((sum, value) => sum + value * value, 0),
  );
  const distances = add(
    eachTimes(point, graph.constant([setting, regime], doubled)),
    graph.constant([regime], squares),
  );
  const nearest = indexOfLeast(distances); // [B, C]
  const table = (rows: readonly (readonly number[])[]) => graph.constant([regime, features], rows.flat());
  return multiply(subtract(kept, lookUp(table(means), nearest)), lookUp(table(inverse), nearest));
}

/** [alphas · T, C]: for every alpha and every step, the weights of the context's rows. */
function kernel(
  graph: Graph,
  contextSteps: number,
  steps: readonly number[],
  alphas: readonly number[],
): Tensor {
  const values = alphas.flatMap((alpha) =>
    steps.flatMap((step) =>
      Array.from({ length: contextSteps }, (_, row) =>
        row <= step ? alpha * (1 - alpha) ** (step - row) : 0,
      ),
    ),
  );
  return graph.constant([dim('time', alphas.length * steps.length), dim('context', contextSteps)], values);
}

/** The same tensor, its last dimension called `last`. */
function rename(x: Tensor, last: string): Tensor {
  const [batch, time, columns] = cubeDims('preprocess', 'part', x.dims);
  return { ...x, dims: [batch, time, dim(last, columns.size)] };
}
