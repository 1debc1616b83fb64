/** The three graphs of a network: one to train it, one to judge it while it trains, one to serve it. */
import { lstmFused, lstmUnrolled } from './cells/lstm.js';
import { differentiate } from './graph/differentiate.js';
import { cubeDims, dim, dimOf } from './graph/dims.js';
import { encodeGraph } from './graph/encode.js';
import { Graph, type Tensor } from './graph/graph.js';
import { add } from './graph/operators/add.js';
import { multiply } from './graph/operators/multiply.js';
import { reshape } from './graph/operators/reshape.js';
import { failureProbabilities, hazardLogits, survivalLoss } from './heads/hazards.js';
import { remainingLifeLoss, remainingLifeSteps } from './heads/remaining-life.js';
import { lstmWeights, type NetworkShape, networkLayout } from './network.js';
import { adamw, adamwScheduleDim } from './optimizers/adamw.js';
import { clipNorm } from './optimizers/clip-norm.js';
import { decayMask, parameterCount, unpackParameters } from './parameters.js';
import type { Preprocessing } from './preprocessing.js';
import { preprocess, realStepCounts, windowDims } from './preprocessing-graph.js';

export interface TrainingStepOptions {
  readonly batchSize: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
  /** 0: no dropout, and no input `dropout`. */
  readonly dropout: number;
  /** Weight of the second task in the loss; 0 leaves it out, and its inputs. */
  readonly remainingLifeWeight: number;
}

/**
 * One training step: new parameters and moments from old ones and a batch.
 *
 * Inputs: `parameters`, `moment1`, `moment2` [P]; `windows` [B, C, F]; per row of T·B, time-major, [T·B, 1]:
 * `eventDay`, `knownDays`, and with the second task `lifeShare`, `lifeWeight`; `schedule` [3] (adamwSchedule);
 * with dropout `dropout` [B, hidden], 0 or 1 / (1 − share). A short life starts at row C − T, rows after its end are
 * empty and have knownDays 0. Outputs: `parameters`, `moment1`, `moment2`, `loss`, `hazardLoss`, `gradientNorm`.
 */
export function buildTrainingStep(
  shape: NetworkShape,
  preprocessing: Preprocessing,
  options: TrainingStepOptions,
): Uint8Array {
  const graph = new Graph();
  const batch = dim('batch', options.batchSize);
  const windows = graph.input('windows', windowDims(preprocessing.spec, batch));
  const built = buildLoss(graph, shape, preprocess(windows, preprocessing, 'oldest-first'), options);
  const [gradient] = differentiate(graph, built.loss, [built.parameters] as const);
  const flat = built.parameters.dims;
  const state = {
    parameters: built.parameters,
    moment1: graph.input('moment1', flat),
    moment2: graph.input('moment2', flat),
  };
  const schedule = graph.input('schedule', [adamwScheduleDim]);
  graph.withoutTape(() => {
    const { clipped, norm } = clipNorm(gradient, options.clipNorm);
    const decay = graph.constant(flat, decayMask(networkLayout(shape)));
    const next = adamw(graph, state, clipped, schedule, decay, options.weightDecay);
    graph.output('nextParameters', next.parameters);
    graph.output('nextMoment1', next.moment1);
    graph.output('nextMoment2', next.moment2);
    graph.output('loss', built.loss);
    graph.output('hazardLoss', built.hazardLoss);
    graph.output('gradientNorm', norm);
  });
  return encodeGraph(graph);
}

export interface LossOptions {
  readonly dropout: number;
  readonly remainingLifeWeight: number;
}

/** x [T, B, I] → the loss, with the inputs that it needs. Also the ground of the gradient checks, in float64. */
export function buildLoss(graph: Graph, shape: NetworkShape, x: Tensor, options: LossOptions) {
  const layout = networkLayout(shape);
  const parameters = graph.input('parameters', [dim('parameter', parameterCount(layout))], { tracked: true });
  const byName = unpackParameters(parameters, layout);
  const [time, batch] = cubeDims('loss', 'x', x.dims);
  const hidden = dim('hidden', shape.hiddenSize);
  const unrolled = lstmUnrolled(x, lstmWeights(byName));
  let states = unrolled;
  if (options.dropout > 0) {
    // One mask per window, the same at all its steps (Gal & Ghahramani 2016).
    const mask = graph.input('dropout', [batch, hidden]);
    states = reshape(multiply(reshape(unrolled, [time, batch, hidden]), mask), unrolled.dims);
  }
  const row = dimOf('loss', unrolled.dims, 'row');
  const eventDay = graph.input('eventDay', [row, dim('day', 1)]);
  const knownDays = graph.input('knownDays', [row, dim('day', 1)]);
  const hazardLoss = survivalLoss(hazardLogits(states, byName), eventDay, knownDays);
  let loss = hazardLoss;
  if (options.remainingLifeWeight > 0) {
    const share = graph.input('lifeShare', [row, dim('share', 1)]);
    const weight = graph.input('lifeWeight', [row, dim('share', 1)]);
    const second = remainingLifeLoss(states, share, weight, byName);
    loss = add(loss, multiply(second, graph.scalar(options.remainingLifeWeight)));
  }
  return { parameters, loss, hazardLoss };
}

/** Judges parameters: inputs `parameters` [P] and `windows` [B, C, F] of any B; output `logits` [B, H]. */
export function buildValidation(shape: NetworkShape, preprocessing: Preprocessing): Uint8Array {
  const graph = new Graph();
  const layout = networkLayout(shape);
  const parameters = graph.input('parameters', [dim('parameter', parameterCount(layout))]);
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', null)));
  const { newest, byName } = buildNewestState(windows, parameters, shape, preprocessing);
  graph.output('logits', hazardLogits(newest, byName));
  return encodeGraph(graph);
}

/**
 * What is served: input `windows` [B, C, F] raw, NaN where missing; output `failureProbabilities` [B, H], and with
 * `lifeCapSteps`, for a network that learned it as a second task, `remainingLife` [B, 1] in steps, at most the cap.
 */
export function buildForecast(
  shape: NetworkShape,
  preprocessing: Preprocessing,
  values: Float32Array,
  metadata: Readonly<Record<string, string>>,
  lifeCapSteps?: number,
): Uint8Array {
  const graph = new Graph();
  const parameters = graph.constant([dim('parameter', values.length)], values);
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', null)));
  const { newest, byName } = buildNewestState(windows, parameters, shape, preprocessing);
  const curve = failureProbabilities(hazardLogits(newest, byName));
  graph.output('failureProbabilities', curve);
  if (shape.remainingLife && lifeCapSteps !== undefined)
    graph.output('remainingLife', remainingLifeSteps(newest, curve, byName, lifeCapSteps));
  return encodeGraph(graph, metadata);
}

function buildNewestState(
  windows: Tensor,
  parameters: Tensor,
  shape: NetworkShape,
  preprocessing: Preprocessing,
): { readonly newest: Tensor; readonly byName: ReadonlyMap<string, Tensor> } {
  const byName = unpackParameters(parameters, networkLayout(shape));
  const x = preprocess(windows, preprocessing, 'newest-first');
  const newest = lstmFused(x, lstmWeights(byName), realStepCounts(windows, preprocessing.spec));
  return { newest, byName };
}
