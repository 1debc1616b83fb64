/**
 * The three graphs of a value network: one to train it, one to judge it while it trains, one to serve it. Direct
 * multi-output: every step of the window emits the quantiles of all sensors for all steps ahead.
 *
 * A target is a sensor's mean so many steps ahead, in standard deviations of the operating regime that the machine is in
 * then. What is served is turned back by the regime of the newest step: "if the machine goes on as it runs now".
 */
import { fuseLayers, unrollLayers } from '../cells/layers.js';
import { differentiate } from '../graph/differentiate.js';
import { cubeDims, dim, dimOf, fixedSize } from '../graph/dims.js';
import { encodeGraph } from '../graph/encode.js';
import { Graph, type Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { concat } from '../graph/operators/concat.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { split } from '../graph/operators/split.js';
import { select } from '../graph/operators/without-gradient.js';
import { pinballLoss, type Quantiles, quantiles } from '../heads/quantiles.js';
import { dropoutMasks, learnedStem, type OptimizerOptions, outputUpdate } from '../network-graph.js';
import { parameterCount, unpackParameters } from '../parameters.js';
import type { Preprocessing } from '../preprocessing.js';
import {
  newestStatistics,
  preprocess,
  realStepCounts,
  realSteps,
  windowDims,
} from '../preprocessing-graph.js';
import { type ValueShape, valueLayers, valueLayout } from './value-network.js';

/**
 * Positions in the window whose forecasts are learned from: the newest, and every so many before it. All of them teach
 * little more than some (their windows overlap) and the head, not the recurrent layer, is what training costs.
 */
export function labelledSteps(windowSteps: number, everySteps: number): number[] {
  return Array.from(
    { length: Math.ceil(windowSteps / everySteps) },
    (_, index) => windowSteps - 1 - index * everySteps,
  ).reverse();
}

/**
 * One training step, as buildTrainingStep; instead of the labels of failures `actual` and `known` [L·B, sensors × H] of
 * the L labelled steps, time-major, a sensor's steps ahead together.
 */
export function buildValueTrainingStep(
  shape: ValueShape,
  preprocessing: Preprocessing,
  options: OptimizerOptions,
  labelled: readonly number[],
): Uint8Array {
  const graph = new Graph();
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', options.batchSize)));
  const x = preprocess(windows, preprocessing, 'oldest-first');
  const built = buildValueLoss(graph, shape, x, {
    dropout: options.dropout,
    labelled,
    real: realSteps(windows, preprocessing.spec),
  });
  const [gradient] = differentiate(graph, built.loss, [built.parameters] as const);
  outputUpdate(graph, built.parameters, { gradient, loss: built.loss }, valueLayout(shape), options);
  return encodeGraph(graph);
}

export interface ValueLossOptions {
  readonly dropout: number;
  readonly labelled: readonly number[];
  /** As in buildLoss. */
  readonly real?: Tensor | undefined;
}

/** x [T, B, I] → the loss, with the inputs that it needs. Also the ground of the gradient checks, in float64. */
export function buildValueLoss(
  graph: Graph,
  shape: ValueShape,
  x: Tensor,
  { dropout, labelled, real }: ValueLossOptions,
) {
  const layout = valueLayout(shape);
  const parameters = graph.input('parameters', [dim('parameter', parameterCount(layout))], { tracked: true });
  const byName = unpackParameters(parameters, layout);
  const [time, batch, input] = cubeDims('value loss', 'x', x.dims);
  const masks =
    dropout > 0
      ? dropoutMasks(graph, new Array<number>(shape.layers).fill(shape.hiddenSize), batch)
      : undefined;
  const { states } = unrollLayers(x, valueLayers(shape, byName), { real, dropout: masks });
  const perStep = split(
    states,
    'row',
    Array.from({ length: fixedSize('value loss', time) }, () => dim('row', batch.size)),
  );
  const chosen = concat(
    labelled.map((step) => perStep[step] as Tensor),
    'row',
  );
  const inputs = reshape(select(x, 'time', labelled), [dimOf('value loss', chosen.dims, 'row'), input]);
  const said = quantiles(chosen, inputs, byName);
  const actual = graph.input('actual', said.median.dims);
  const known = graph.input('known', said.median.dims);
  return { parameters, said, loss: pinballLoss(said, actual, known) };
}

/** Judges parameters: inputs `parameters` [P] and `windows` [B, C, F] of any B; outputs `low`, `median`, `high` [B, sensors × H]. */
export function buildValueValidation(shape: ValueShape, preprocessing: Preprocessing): Uint8Array {
  const graph = new Graph();
  const parameters = graph.input('parameters', [dim('parameter', parameterCount(valueLayout(shape)))]);
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', null)));
  const said = served(windows, parameters, shape, preprocessing);
  for (const name of ['low', 'median', 'high'] as const) graph.output(name, said[name]);
  return encodeGraph(graph);
}

/**
 * What is served: input `windows` [B, C, F] raw; outputs `low`, `median`, `high` [B, sensors, H] in the sensors' units, and
 * `expected`, the median in standard deviations of whatever regime the machine will be in (health index).
 * `columns`: of the features, those of the sensors.
 */
export function buildValueForecast(
  shape: ValueShape,
  preprocessing: Preprocessing,
  columns: readonly number[],
  values: Float32Array,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const graph = new Graph();
  const parameters = graph.constant([dim('parameter', values.length)], values, 'float', learnedStem);
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', null)));
  const said = served(windows, parameters, shape, preprocessing);
  const { means, sds } = newestStatistics(windows, preprocessing, columns);
  const cubed = [dim('batch', null), dim('sensor', shape.sensorCount), dim('ahead', shape.horizonSteps)];
  for (const name of ['low', 'median', 'high'] as const)
    graph.output(name, add(multiply(reshape(said[name], cubed), sds), means));
  graph.output('expected', reshape(said.median, cubed));
  return encodeGraph(graph, metadata);
}

function served(
  windows: Tensor,
  parameters: Tensor,
  shape: ValueShape,
  preprocessing: Preprocessing,
): Quantiles {
  const byName = unpackParameters(parameters, valueLayout(shape));
  const x = preprocess(windows, preprocessing, 'newest-first');
  const encoded = fuseLayers(x, valueLayers(shape, byName), {
    order: 'newest-first',
    lengths: realStepCounts(windows, preprocessing.spec),
  });
  const [, batch, input] = cubeDims('value network', 'x', x.dims);
  const inputs = reshape(select(x, 'time', [0]), [batch, input]);
  return quantiles(encoded.newest(), inputs, byName);
}
