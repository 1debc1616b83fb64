/**
 * The survival likelihood of labels that are distributions: what a teacher says will come, in place of what came, or
 * between the two. With A_k the probability that day k is reached and known, and B_k that the machine fails on it,
 * −log-likelihood is expected to be Σ_k A_k softplus(logit_k) − B_k logit_k; with labels of 0 and 1 it is survivalLoss.
 * For A and B from a teacher's curve its least value is where the hazards are the teacher's (Hinton, Vinyals & Dean 2015).
 */
import { matrixDims } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { reduceSum } from '../graph/operators/reduce-sum.js';
import { softplus } from '../graph/operators/softplus.js';
import { subtract } from '../graph/operators/subtract.js';
import { maximum, select } from '../graph/operators/without-gradient.js';

/** logits, atRisk, failing [N, H]; mean over the rows, which count by A_1: 0 for those without labels. */
export function softSurvivalLoss(logits: Tensor, atRisk: Tensor, failing: Tensor): Tensor {
  const [, horizon] = matrixDims('softSurvivalLoss', 'logits', logits.dims);
  const cells = subtract(multiply(atRisk, softplus(logits)), multiply(failing, logits));
  const rows = reduceSum(select(atRisk, horizon.name, [0]));
  return divide(reduceSum(cells), maximum(rows, logits.graph.scalar(1)));
}
