/**
 * The survival head: at each step the logits of the hazards of the H days that follow,
 * h_k = P(fails on day k | alive at day k−1) = σ(logit_k), and F_k = 1 − Π_{j≤k}(1 − h_j).
 *
 * Loss: the discrete-time survival likelihood, binary cross-entropy over the days whose outcome is known, so that
 * a censored window counts for what is known of it. Source: Singer & Willett 1993; as a network loss Gensheimer &
 * Narasimhan 2019 (Nnet-survival).
 */
import { type Dim, dim, fixedSize, matrixDims } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { affine } from '../graph/operators/affine.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { reduceSum } from '../graph/operators/reduce-sum.js';
import { softplus } from '../graph/operators/softplus.js';
import { subtract } from '../graph/operators/subtract.js';
import {
  cast,
  clip,
  cumulativeSum,
  equal,
  exponential,
  lessOrEqual,
  maximum,
  runningMaximum,
  select,
} from '../graph/operators/without-gradient.js';
import { glorotUniform, type ParameterLayout, parameter } from '../parameters.js';

/** `firstLogits` [H]: where the biases start, best the logits of the marginal hazards. */
export function hazardLayout(hidden: Dim, horizon: Dim, firstLogits: ArrayLike<number>): ParameterLayout {
  const rows = fixedSize('hazards', hidden);
  const columns = fixedSize('hazards', horizon);
  return [
    {
      name: 'hazards.weights',
      dims: [hidden, horizon],
      decays: true,
      initialize: (rng) => glorotUniform(rows, columns, rng),
    },
    {
      name: 'hazards.bias',
      dims: [horizon],
      decays: false,
      initialize: () => Float64Array.from(firstLogits),
    },
  ];
}

/** states [N, hidden] → logits [N, H]. */
export function hazardLogits(states: Tensor, parameters: ReadonlyMap<string, Tensor>): Tensor {
  return affine(states, parameter(parameters, 'hazards.weights'), parameter(parameters, 'hazards.bias'));
}

/**
 * −log-likelihood of what is known of a row's days, mean over the rows of which something is known. logits [N, H];
 * eventDay [N, 1]: 1..H, or 0 without a failure; knownDays [N, 1]: 0..H, 0 for rows that do not count.
 *
 * Summed over the days, not averaged: beside a second task of the size of 1 the averaged form drowned (FD001, validation Brier .0102 against .0073, one seed).
 */
export function survivalLoss(logits: Tensor, eventDay: Tensor, knownDays: Tensor): Tensor {
  const { graph } = logits;
  const [row, horizon] = matrixDims('survivalLoss', 'logits', logits.dims);
  const count = fixedSize('survivalLoss', horizon);
  const days = graph.constant(
    [horizon],
    Float64Array.from({ length: count }, (_, index) => index + 1),
  );
  const spread = (x: Tensor) => ({ ...x, dims: [row, dim(horizon.name, 1)] });
  const failed = cast(equal(spread(eventDay), days), 'float');
  const known = cast(lessOrEqual(days, spread(knownDays)), 'float');
  const cells = multiply(known, subtract(softplus(logits), multiply(failed, logits)));
  const rows = cast(lessOrEqual(graph.scalar(1), knownDays), 'float');
  return divide(reduceSum(cells), maximum(reduceSum(rows), graph.scalar(1)));
}

/**
 * Element-wise kernels treat the last few elements of a tensor differently, to the last bit. Rows of whole blocks
 * leave no last few, so that a window gives the same bits in every batch.
 */
const blockLength = 16;

/** F_1..F_H [N, H] from logits; see failedBy. */
export function failureProbabilities(logits: Tensor): Tensor {
  const [, horizon] = matrixDims('failureProbabilities', 'logits', logits.dims);
  return failedBy(cumulativeSum(softplus(padDays(logits)), horizon.name), horizon);
}

/** x [..., H] with zeros behind, up to whole blocks of days. */
export function padDays(x: Tensor): Tensor {
  const horizon = x.dims.at(-1) as Dim;
  const rows = x.dims.slice(0, -1);
  const none = x.dims.map(() => 0);
  const days = fixedSize('padDays', horizon);
  const padded = Math.ceil(days / blockLength) * blockLength;
  return x.graph.emitOne(
    'Pad',
    [x, x.graph.integers([...none, ...none.slice(1), padded - days])],
    [...rows, dim(horizon.name, padded)],
  );
}

/**
 * F_1..F_H [N, H] = 1 − exp(−Λ) from cumulated hazards Λ of padded days: in [0, 1] and non-decreasing in floating point
 * too, for any Λ ≥ 0 that does not fall (exp need not be monotone to the last bit, so a running maximum follows it).
 */
export function failedBy(cumulatedHazards: Tensor, horizon: Dim): Tensor {
  const { graph } = cumulatedHazards;
  const minus = graph.emitOne('Neg', [cumulatedHazards], cumulatedHazards.dims);
  const failed = subtract(graph.scalar(1), exponential(minus));
  return select(
    runningMaximum(clip(failed, 0, 1)),
    horizon.name,
    Array.from({ length: fixedSize('failedBy', horizon) }, (_, day) => day),
  );
}
