/** The graphs behind an explanation: inputs of the network from a window, and gradients of a failure probability. */
import { differentiate } from '../graph/differentiate.js';
import { type Dim, dim } from '../graph/dims.js';
import { encodeGraph } from '../graph/encode.js';
import { Graph, type Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { affine } from '../graph/operators/affine.js';
import { divide } from '../graph/operators/divide.js';
import { exp } from '../graph/operators/exp.js';
import { multiply } from '../graph/operators/multiply.js';
import { reduceSum } from '../graph/operators/reduce-sum.js';
import { softplus } from '../graph/operators/softplus.js';
import { subtract } from '../graph/operators/subtract.js';
import { networkLayout } from '../network.js';
import { newestLogits } from '../network-graph.js';
import { unpackParameters } from '../parameters.js';
import { inputSize, type Preprocessing } from '../preprocessing.js';
import { preprocess, realSteps, windowDims } from '../preprocessing-graph.js';
import type { StoredNetwork } from './stored-networks.js';

/** Input `windows` [1, C, F]; outputs `inputs` [T, 1, I], oldest first, and `real` [T, 1]: see realSteps. */
export function buildInputs(preprocessing: Preprocessing): Uint8Array {
  const graph = new Graph();
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', 1)));
  graph.output('inputs', preprocess(windows, preprocessing, 'oldest-first'));
  graph.output('real', realSteps(windows, preprocessing.spec));
  return encodeGraph(graph);
}

/** Names of the inputs and outputs of buildGradients that belong to network `index`. */
export const inputsOf = (index: number) => `inputs${index}`;
export const gradientOf = (index: number) => `gradient${index}`;

/**
 * Failure probability F of `pointCount` points, and its weighted mean gradient. Per network `inputs<index>` [T, N, I];
 * `real` [T·N, 1]; `until` [H, 1]: 1 for the days up to the one in question, else 0; `weights` [N, 1].
 * Outputs `probabilities` [N, 1], and per network `gradient<index>` [T, I] = Σ_n weight_n · dF_n / d inputs_n.
 * Several networks are joined as an ensemble joins them: by the mean of their cumulated hazards.
 */
export function buildGradients(networks: readonly StoredNetwork[], pointCount: number): Uint8Array {
  const [{ shape: first, preprocessing }] = networks as readonly [StoredNetwork];
  const { windowSteps } = preprocessing.spec;
  const graph = new Graph();
  const point = dim('batch', pointCount);
  const time = dim('time', windowSteps);
  const real = graph.input('real', [dim('row', windowSteps * pointCount), dim('hidden', 1)]);
  const one: Dim = dim('day', 1);
  const until = graph.input('until', [dim('horizon', first.horizonSteps), one]);
  const weights = graph.input('weights', [point, one]);
  const inputs = networks.map((network, index) =>
    graph.input(inputsOf(index), [time, point, dim('input', inputSize(network.preprocessing))], {
      tracked: true,
    }),
  );
  const hazards = networks.map(({ shape, parameters }, index) => {
    const constants = graph.constant([dim('parameter', parameters.length)], parameters);
    const byName = unpackParameters(constants, networkLayout(shape));
    const logits = newestLogits(inputs[index] as Tensor, shape, byName, real);
    return affine(softplus(logits), until);
  });
  const mean = divide(hazards.reduce(add), graph.scalar(networks.length));
  const failed = subtract(graph.scalar(1), exp(subtract(graph.scalar(0), mean)));
  const gradients = differentiate(graph, reduceSum(multiply(failed, weights)), inputs);
  graph.output('probabilities', failed);
  graph.withoutTape(() => {
    gradients.forEach((gradient, index) => {
      graph.output(gradientOf(index), reduceSum(gradient, ['batch']));
    });
  });
  return encodeGraph(graph);
}
