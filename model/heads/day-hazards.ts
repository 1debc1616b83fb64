/**
 * One hazard per step: the days of the horizon share their weights, and each has a bias of its own, which starts at the
 * logit of its marginal hazard. For networks that spend one recurrent step on each day (tasks.ts).
 */
import { cubeDims, type Dim, dim, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { concat } from '../graph/operators/concat.js';
import { eachTimes } from '../graph/operators/each-times.js';
import { reshape } from '../graph/operators/reshape.js';
import { transpose } from '../graph/operators/transpose.js';
import { glorotUniform, type ParameterLayout, parameter } from '../parameters.js';

const one = dim('horizon', 1);
const weights = (parameters: ReadonlyMap<string, Tensor>) => parameter(parameters, 'day-hazards.weights');
const bias = (parameters: ReadonlyMap<string, Tensor>) => parameter(parameters, 'day-hazards.bias');

export function dayHazardLayout(hidden: Dim, horizon: Dim, firstLogits: ArrayLike<number>): ParameterLayout {
  return [
    {
      name: 'day-hazards.weights',
      dims: [hidden, one],
      decays: true,
      initialize: (rng) => glorotUniform(fixedSize('day hazards', hidden), 1, rng),
    },
    {
      name: 'day-hazards.bias',
      dims: [horizon],
      decays: false,
      initialize: () => Float64Array.from(firstLogits),
    },
  ];
}

/** states [K, ..., B, H], day 1 first → logits [..., B, K]. */
export function dayLogits(states: Tensor, parameters: ReadonlyMap<string, Tensor>): Tensor {
  const [time, ...rows] = states.dims.slice(0, -1) as [Dim, ...Dim[]];
  const scores = reshape(eachTimes(states, weights(parameters)), [dim('horizon', time.size), ...rows]);
  return add(transpose(scores, [...rows.map(({ name }) => name), 'horizon']), bias(parameters));
}

/** states [1, B, H] of one day → its logit without the bias [B, 1]. */
export function dayScore(states: Tensor, parameters: ReadonlyMap<string, Tensor>): Tensor {
  const [, batch] = cubeDims('dayScore', 'states', states.dims);
  return reshape(eachTimes(states, weights(parameters)), [batch, one]);
}

/** The scores of all days, day 1 first → logits [B, K]. */
export function daysTogether(scores: readonly Tensor[], parameters: ReadonlyMap<string, Tensor>): Tensor {
  return add(concat(scores, 'horizon'), bias(parameters));
}
