/**
 * The value head: at each step three quantiles of every target (a sensor so many steps ahead), in standard deviations.
 *
 *   median = s·W_m + x·V_m + b_m,   low = median − softplus(...),   high = median + softplus(...)
 *
 * with s the state and x the inputs of the same step. The inputs go straight to the output, too: a forecast near "as it
 * is now" or "as it was on average" is then a matter of a few weights, and the recurrent state has what is left to do.
 * Low and high are distances from the median, so that they never cross it.
 *
 * Loss: the pinball loss ρ_τ(e) = max(τ e, (τ − 1) e), whose least mean is at the τ-quantile (Koenker & Bassett 1978).
 * Chosen over a Gaussian's likelihood because daily means of sensors have long tails and intervals that are wider on one
 * side, and because one wild value cannot own the loss. Its median is what the mean absolute error (MASE) asks for.
 */
import { type Dim, dim, dimOf, fixedSize, matrixDims } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { affine } from '../graph/operators/affine.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { reduceSum } from '../graph/operators/reduce-sum.js';
import { relu } from '../graph/operators/relu.js';
import { softplus } from '../graph/operators/softplus.js';
import { split } from '../graph/operators/split.js';
import { subtract } from '../graph/operators/subtract.js';
import { maximum } from '../graph/operators/without-gradient.js';
import { glorotUniform, type ParameterLayout, parameter } from '../parameters.js';

/** Low, median, high: the interval holds 80 %. */
export const quantileLevels = [0.1, 0.5, 0.9] as const;

/** From the median to the low and the high quantile of a normal distribution, in standard deviations. */
export const normalSpread = 1.2815515655446004;

export interface Quantiles {
  /** [N, targets] each. */
  readonly low: Tensor;
  readonly median: Tensor;
  readonly high: Tensor;
}

/** softplus of it is `normalSpread`: before any training the intervals are those of the training data as a whole. */
const firstSpread = Math.log(Math.expm1(normalSpread));

/** `targetCount`: sensors times steps ahead. */
export function quantileLayout(input: Dim, hidden: Dim, targetCount: number): ParameterLayout {
  const outputs = dim('output', quantileLevels.length * targetCount);
  return [
    {
      name: 'quantiles.weights',
      dims: [hidden, outputs],
      decays: true,
      initialize: (rng) => glorotUniform(fixedSize('quantiles', hidden), outputs.size as number, rng),
    },
    {
      name: 'quantiles.skip',
      dims: [input, outputs],
      decays: true,
      initialize: () => new Float64Array(fixedSize('quantiles', input) * (outputs.size as number)),
    },
    {
      name: 'quantiles.bias',
      dims: [outputs],
      decays: false,
      initialize: () =>
        Float64Array.from({ length: outputs.size as number }, (_, at) =>
          at < targetCount ? 0 : firstSpread,
        ),
    },
  ];
}

/** states [N, hidden] and inputs [N, input] of the same steps. Columns of the output: medians, then what is below, then above. */
export function quantiles(
  states: Tensor,
  inputs: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
): Quantiles {
  const weights = parameter(parameters, 'quantiles.weights');
  const fromStates = affine(states, weights, parameter(parameters, 'quantiles.bias'));
  const output = add(fromStates, affine(inputs, parameter(parameters, 'quantiles.skip')));
  const targets = dim('target', fixedSize('quantiles', dimOf('quantiles', weights.dims, 'output')) / 3);
  const [median, below, above] = split(output, 'output', [targets, targets, targets]);
  return { median, low: subtract(median, softplus(below)), high: add(median, softplus(above)) };
}

/**
 * Pinball loss, summed over the three quantiles, mean over what is known. actual [N, targets]; known [N, targets]: 1, or
 * 0 where the value is not known (and `actual` is any finite number).
 */
export function pinballLoss({ low, median, high }: Quantiles, actual: Tensor, known: Tensor): Tensor {
  const { graph } = median;
  matrixDims('pinballLoss', 'actual', actual.dims);
  const losses = [low, median, high].map((said, index) => {
    const error = subtract(actual, said);
    const level = graph.scalar(quantileLevels[index] as number);
    // τ e for e > 0, and −e more for e < 0.
    return add(multiply(error, level), relu(subtract(said, actual)));
  });
  const [first, second, third] = losses as [Tensor, Tensor, Tensor];
  const sum = reduceSum(multiply(known, add(add(first, second), third)));
  return divide(sum, maximum(reduceSum(known), graph.scalar(1)));
}
