/**
 * A second task that helps the first: the remaining useful life, as a share of a cap (Heimes 2008: early in a life
 * the sensors say nothing about it, so labels are capped). Mean squared error.
 */
import { type Dim, dim, fixedSize, matrixDims } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { affine } from '../graph/operators/affine.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { reduceSum } from '../graph/operators/reduce-sum.js';
import { subtract } from '../graph/operators/subtract.js';
import { clip, maximum, select, total } from '../graph/operators/without-gradient.js';
import { glorotUniform, type ParameterLayout, parameter } from '../parameters.js';

const one = dim('share', 1);

export function remainingLifeLayout(hidden: Dim): ParameterLayout {
  return [
    {
      name: 'remaining-life.weights',
      dims: [hidden, one],
      decays: true,
      initialize: (rng) => glorotUniform(fixedSize('remaining life', hidden), 1, rng),
    },
    { name: 'remaining-life.bias', dims: [one], decays: false, initialize: () => Float64Array.of(0.5) },
  ];
}

/** states [N, hidden]; share [N, 1]: min(days left, cap) / cap; weight [N, 1]: 0 where it is not known. */
export function remainingLifeLoss(
  states: Tensor,
  share: Tensor,
  weight: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
): Tensor {
  const { graph } = states;
  const error = subtract(remainingLifeShare(states, parameters), share);
  const sum = reduceSum(multiply(weight, multiply(error, error)));
  return divide(sum, maximum(reduceSum(weight), graph.scalar(1)));
}

/**
 * What is served: expected steps of remaining useful life [N, 1], in [1, capSteps]; the cap means that or more. Within
 * the horizon the failure curve is the sharper of the two tasks, so its first H steps come from that,
 * Σ_{k<H} (1 − F_k), and what lies beyond from this head: (1 − F_H) · max(0, said − H). On engines of C-MAPSS FD002 kept
 * from training the root mean squared error was 14.2 so, 14.5 by the head alone.
 */
export function remainingLifeSteps(
  states: Tensor,
  failureProbabilities: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
  capSteps: number,
): Tensor {
  const { graph } = states;
  const [rows, horizon] = matrixDims('remainingLifeSteps', 'failureProbabilities', failureProbabilities.dims);
  const days = fixedSize('remainingLifeSteps', horizon);
  const said = multiply(clip(remainingLifeShare(states, parameters), 0, 1), graph.scalar(capSteps));
  const beyond = maximum(subtract(said, graph.scalar(days)), graph.scalar(0));
  const lastDay = select(failureProbabilities, horizon.name, [days - 1], one.name);
  // F_0 = 0: the first of the sum is always 1.
  const within = subtract(graph.scalar(days), total(failureProbabilities, horizon.name));
  const spread = graph.emitOne('Unsqueeze', [within, graph.integers([1])], [rows, one]);
  const survived = subtract(graph.scalar(1), lastDay);
  return clip(add(add(spread, lastDay), multiply(survived, beyond)), 0, capSteps);
}

function remainingLifeShare(states: Tensor, parameters: ReadonlyMap<string, Tensor>): Tensor {
  return affine(
    states,
    parameter(parameters, 'remaining-life.weights'),
    parameter(parameters, 'remaining-life.bias'),
  );
}
