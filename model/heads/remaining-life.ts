/**
 * A second task that helps the first: the remaining useful life, as a share of a cap (Heimes 2008: early in a life
 * the sensors say nothing about it, so labels are capped). Mean squared error.
 */
import { type Dim, dim, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { affine } from '../graph/operators/affine.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { reduceSum } from '../graph/operators/reduce-sum.js';
import { subtract } from '../graph/operators/subtract.js';
import { clip, maximum } from '../graph/operators/without-gradient.js';
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

/** What is served: steps of remaining useful life [N, 1], in [0, capSteps]; the cap means that or more. */
export function remainingLifeSteps(
  states: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
  capSteps: number,
): Tensor {
  const share = clip(remainingLifeShare(states, parameters), 0, 1);
  return multiply(share, states.graph.scalar(capSteps));
}

function remainingLifeShare(states: Tensor, parameters: ReadonlyMap<string, Tensor>): Tensor {
  return affine(
    states,
    parameter(parameters, 'remaining-life.weights'),
    parameter(parameters, 'remaining-life.bias'),
  );
}
