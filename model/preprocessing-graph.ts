/**
 * Raw features → inputs of the network, as nodes of a graph. Training, validation and serving put the same nodes
 * before the network, so that they cannot differ.
 *
 * Per feature: z = (x − mean) / sd of the row's regime, cut to ±clip; 0 where missing. Then, for measured features,
 * exponentially weighted means over all C rows, of what is there: (K·(m∘z)) / (K·m) with m = 1 where present and
 * K[r, c] = α(1 − α)^(r − c) for c ≤ r. Dividing by K·m corrects the start and leaves gaps out. Then, if asked for, z of k steps
 * before, 0 where it is missing or before the context, and z less z of k steps before, 0 where either is missing.
 */

import { checkDims, cubeDims, type Dim, dim, fixedSize } from './graph/dims.js';
import type { Graph, Tensor } from './graph/graph.js';
import { add } from './graph/operators/add.js';
import { concat } from './graph/operators/concat.js';
import { divide } from './graph/operators/divide.js';
import { multiply } from './graph/operators/multiply.js';
import { reshape } from './graph/operators/reshape.js';
import { split } from './graph/operators/split.js';
import { subtract } from './graph/operators/subtract.js';
import { transpose } from './graph/operators/transpose.js';
import {
  cast,
  clip,
  equal,
  exponential,
  indexOfLeast,
  isMissing,
  least,
  lessOrEqual,
  maximum,
  oneHot,
  select,
  timesEach,
  timesStack,
  where,
} from './graph/operators/without-gradient.js';
import type { Preprocessing } from './preprocessing.js';
import { inputSize } from './preprocessing.js';

/** `oldest-first` for the unrolled network, `newest-first` for the fused one (see FuseOptions). */
export type StepOrder = 'oldest-first' | 'newest-first';

export function windowDims(spec: Preprocessing['spec'], batch: Dim): readonly Dim[] {
  return [batch, dim('context', spec.contextSteps), dim('feature', spec.names.length)];
}

/** windows [B, C, F] raw, NaN where missing → [T, B, I]: the last T rows. */
export function preprocess(windows: Tensor, preprocessing: Preprocessing, order: StepOrder): Tensor {
  const { graph } = windows;
  const { spec, keptColumns, smoothedColumns, maskedColumns, smoothingAlphas } = preprocessing;
  const { lagSteps = [], differenceSteps = [] } = preprocessing;
  const positions = (columns: readonly number[]) => columns.map((column) => keptColumns.indexOf(column));
  const rows = batchLast(windows);
  const raw = select(rows, 'feature', keptColumns, 'kept');
  // Finite first: an infinite value times the 0 of a feature that is constant in its regime would be NaN.
  const constant = preprocessing.sds.some((row) => row.some((sd) => !(sd > 0)));
  const kept = constant ? clip(raw, -1e30, 1e30) : raw;
  const missing = isMissing(raw);
  const standardised = clip(
    standardise(rows, kept, preprocessing),
    -preprocessing.clipSds,
    preprocessing.clipSds,
  );
  const z = where(missing, graph.scalar(0), standardised); // [C, K, B]
  const absent = () => cast(missing, 'float');

  // Position in the context of each of the T steps that the network reads, in its order.
  const first = spec.contextSteps - spec.windowSteps;
  const steps = Array.from({ length: spec.windowSteps }, (_, index) =>
    order === 'oldest-first' ? first + index : spec.contextSteps - 1 - index,
  );
  const parts = [renamed(select(z, 'context', steps, 'time'), 'input')];
  const chosen = positions(smoothedColumns);
  const values = () => select(z, 'kept', chosen, 'smoothed');
  const present = () => subtract(graph.scalar(1), select(absent(), 'kept', chosen, 'smoothed'));
  if (smoothedColumns.length > 0 && smoothingAlphas.length > 0) {
    const both = timesStack(
      kernel(graph, spec.contextSteps, steps, smoothingAlphas),
      concat([values(), present()], 'smoothed'),
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
    parts.push(...perAlpha.map((mean) => renamed(mean, 'input')));
  }
  if (smoothedColumns.length > 0 && lagSteps.length + differenceSteps.length > 0) {
    const [all, known] = [values(), present()];
    const now = (x: Tensor) => select(x, 'context', steps, 'time');
    const before = (x: Tensor, lag: number) => timesStack(shift(graph, spec.contextSteps, steps, lag), x);
    for (const lag of lagSteps) parts.push(renamed(before(all, lag), 'input'));
    for (const lag of differenceSteps) {
      const both = multiply(now(known), before(known, lag));
      parts.push(renamed(multiply(subtract(now(all), before(all, lag)), both), 'input'));
    }
  }
  if (maskedColumns.length > 0) {
    const masks = select(absent(), 'kept', positions(maskedColumns), 'masked');
    parts.push(renamed(select(masks, 'context', steps, 'time'), 'input'));
  }
  const inputs = concat(parts, 'input');
  const [time, , batch] = cubeDims('preprocess', 'inputs', inputs.dims);
  checkDims('preprocess', 'inputs', inputs.dims, [time, dim('input', inputSize(preprocessing)), batch]);
  return transpose(inputs, ['time', batch.name, 'input']);
}

/**
 * [B, C, F] → [C, F, B]. With the batch innermost every selection of steps or features copies long stretches, and
 * the smoothing of all features is one product of matrices: a third of the time of a forecast otherwise.
 */
function batchLast(windows: Tensor): Tensor {
  const [batch] = windows.dims as readonly [Dim];
  return transpose(windows, ['context', 'feature', batch.name]);
}

/**
 * windows [B, C, F] → [B, S], where the preprocessing has it: 1 at the steps since the last maintenance of any kind, as seen
 * from the newest row; zeros for S and more, and for never. Standardised, 14 and 15 steps would be nearly the same input.
 */
export function newestVisitAge(windows: Tensor, { spec, visitAge }: Preprocessing): Tensor | undefined {
  if (!visitAge) return undefined;
  const { graph } = windows;
  const newest = select(windows, 'context', [spec.contextSteps - 1], 'visit-age');
  const ages = select(newest, 'feature', visitAge.columns);
  const never = graph.scalar(1e9);
  const last = least(where(isMissing(ages), never, ages), 'feature'); // [B, 1]
  const steps = graph.constant(
    [dim('visit-age', visitAge.steps)],
    Array.from({ length: visitAge.steps }, (_, step) => step),
  );
  return cast(equal(last, steps), 'float');
}

/**
 * windows [B, C, F] → [H, K, B, S], where the preprocessing has causes: exp(−x / scale) of the steps x since the maintenance of
 * each of the K causes, as they will be on each day of the horizon if nothing is done until then; 0 for never.
 */
export function causeClocks(windows: Tensor, { spec, causes }: Preprocessing): Tensor | undefined {
  if (!causes) return undefined;
  const { graph } = windows;
  const [batch] = cubeDims('causeClocks', 'windows', windows.dims);
  const newest = select(windows, 'context', [spec.contextSteps - 1], 'time');
  const ages = transpose(select(newest, 'feature', causes.columns, 'cause'), ['time', 'cause', batch.name]);
  const steps = reshape(where(isMissing(ages), graph.scalar(1e9), ages), [...ages.dims, dim('clock', 1)]);
  const ones = (each: Dim): Dim[] =>
    ['time', 'cause', batch.name, 'clock'].map((name) => (name === each.name ? each : dim(name, 1)));
  const days = Array.from({ length: spec.horizonSteps }, (_, index) => index + 1);
  const then = add(steps, graph.constant(ones(dim('time', days.length)), days));
  const scales = dim('clock', causes.scales.length);
  return exponential(
    multiply(
      then,
      graph.constant(
        ones(scales),
        causes.scales.map((scale) => -1 / scale),
      ),
    ),
  );
}

/**
 * windows [B, C, F] → [B] int32: how many of the last T rows belong to the history. Rows before the first that has
 * any value are padding; later rows without values are a silence, and count.
 */
export function realStepCounts(
  windows: Tensor,
  { contextSteps, windowSteps }: Preprocessing['spec'],
): Tensor {
  const { graph } = windows;
  const first = firstRow(windows);
  const before = contextSteps - windowSteps;
  const read = before > 0 ? maximum(first, graph.scalar(before)) : first;
  return cast(subtract(graph.scalar(contextSteps), read), 'int32');
}

/** The same for the unrolled network: [T·B, 1], time-major and oldest first, 1 for what belongs to the history. */
export function realSteps(windows: Tensor, { contextSteps, windowSteps }: Preprocessing['spec']): Tensor {
  const first = firstRow(windows);
  const [batch] = first.dims as readonly [Dim];
  const positions = Array.from({ length: windowSteps }, (_, step) => contextSteps - windowSteps + step);
  const steps = windows.graph.constant([dim('time', windowSteps), dim(batch.name, 1)], positions);
  const real = cast(lessOrEqual(first, steps), 'float'); // [T, B]
  return reshape(real, [dim('row', windowSteps * fixedSize('realSteps', batch)), dim('hidden', 1)]);
}

/** [B]: position in the context of the first row that has any value, C where there is none. */
function firstRow(windows: Tensor): Tensor {
  const { graph } = windows;
  const empty = least(cast(isMissing(windows), 'float'), 'feature'); // [B, C]: 1 where all are missing
  const [, context] = empty.dims as readonly [Dim, Dim];
  const contextSteps = fixedSize('firstRow', context);
  const positions = graph.constant(
    [context],
    Array.from({ length: contextSteps }, (_, row) => row),
  );
  return least(add(multiply(empty, graph.scalar(contextSteps)), positions), 'context');
}

/** rows [C, F, B], kept [C, K, B] of them → [C, K, B] */
function standardise(rows: Tensor, kept: Tensor, preprocessing: Preprocessing): Tensor {
  const { graph } = rows;
  const { regimes, means, sds } = preprocessing;
  const inverse = sds.map((row) => row.map((sd) => (sd > 0 ? 1 / sd : 0)));
  const [context, features, batch] = cubeDims('standardise', 'kept', kept.dims);
  if (regimes.centroids.length === 0) {
    // Written out for every row: onnxruntime is slow where what it repeats is short.
    const everyRow = ([row = []]: readonly (readonly number[])[]) =>
      graph.constant(
        [context, features, dim(batch.name, 1)],
        Array.from({ length: fixedSize('standardise', context) }, () => row).flat(),
      );
    return multiply(subtract(kept, everyRow(means)), everyRow(inverse));
  }
  const regime = inRegime(rows, regimes);
  return multiply(subtract(kept, ofRegime(regime, features, means)), ofRegime(regime, features, inverse));
}

/** rows [C, F, B] → [C, R, B]: 1 in the operating regime that a row is in, else 0. Only where there are several. */
function inRegime(rows: Tensor, regimes: Preprocessing['regimes']): Tensor {
  const { graph } = rows;
  const [, , batch] = cubeDims('inRegime', 'rows', rows.dims);
  const column = (name: string, values: readonly number[]) =>
    graph.constant([dim(name, values.length), dim(batch.name, 1)], values);
  const setting = dim('setting', regimes.columns.length);
  const regime = dim('regime', regimes.centroids.length);
  const raw = select(rows, 'feature', regimes.columns, 'setting');
  const scaled = multiply(
    subtract(raw, column('setting', regimes.means)),
    column(
      'setting',
      regimes.sds.map((sd) => 1 / sd),
    ),
  );
  const point = where(isMissing(raw), graph.scalar(0), scaled);
  // |s − c|² without |s|², which is the same for all regimes.
  const doubled = regimes.centroids.flatMap((centroid) => centroid.map((value) => -2 * value));
  const squares = regimes.centroids.map((centroid) =>
    centroid.reduce((sum, value) => sum + value * value, 0),
  );
  const distances = add(
    timesEach(graph.constant([regime, setting], doubled), point),
    column('regime', squares),
  );
  return oneHot(indexOfLeast(distances, 'regime'), regime, 1);
}

/** [C, K, B] of a table [regime][K]: what belongs to the regime of each row. */
function ofRegime(regime: Tensor, features: Dim, table: readonly (readonly number[])[]): Tensor {
  const turned = (table[0] ?? []).flatMap((_, feature) => table.map((row) => row[feature] as number));
  return timesEach(regime.graph.constant([features, dim('regime', table.length)], turned), regime);
}

/**
 * Means and standard deviations of some of the kept `columns` in the operating regime of the newest row: [B, sensor, 1]
 * each, or without the batch where there is one regime.
 */
export function newestStatistics(windows: Tensor, preprocessing: Preprocessing, columns: readonly number[]) {
  const { graph } = windows;
  const { regimes, keptColumns, spec } = preprocessing;
  const sensor = dim('sensor', columns.length);
  const chosen = (rows: readonly (readonly number[])[]) =>
    rows.map((row) => columns.map((column) => row[keptColumns.indexOf(column)] as number));
  const [means, sds] = [chosen(preprocessing.means), chosen(preprocessing.sds)];
  if (regimes.centroids.length === 0) {
    const single = (values: readonly (readonly number[])[]) =>
      graph.constant([sensor, dim('ahead', 1)], values.flat());
    return { means: single(means), sds: single(sds) };
  }
  const newest = inRegime(select(batchLast(windows), 'context', [spec.contextSteps - 1]), regimes);
  const look = (table: readonly (readonly number[])[]): Tensor => {
    const found = ofRegime(newest, sensor, table);
    const [, , batch] = cubeDims('newestStatistics', 'statistics', found.dims);
    const turned = transpose(found, [batch.name, 'sensor', 'context']);
    return { ...turned, dims: [batch, sensor, dim('ahead', 1)] };
  };
  return { means: look(means), sds: look(sds) };
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

/** [T, C]: takes the row `lag` steps before each step; zeros where the context does not reach back so far. */
function shift(graph: Graph, contextSteps: number, steps: readonly number[], lag: number): Tensor {
  const values = steps.flatMap((step) =>
    Array.from({ length: contextSteps }, (_, row) => (row === step - lag ? 1 : 0)),
  );
  return graph.constant([dim('time', steps.length), dim('context', contextSteps)], values);
}

/** The same tensor, its middle dimension called `name`. */
function renamed(x: Tensor, name: string): Tensor {
  const [time, columns, batch] = cubeDims('preprocess', 'part', x.dims);
  return { ...x, dims: [time, dim(name, columns.size), batch] };
}
