import type { Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { reduceSum } from '../graph/operators/reduce-sum.js';
import { squareRoot } from '../graph/operators/without-gradient.js';

/**
 * Scales a gradient [P] down to norm `limit` where it is longer (Pascanu, Mikolov & Bengio 2013). `norm` is the
 * Euclidean one before; it is not finite exactly where the gradient is not.
 */
export function clipNorm(
  gradient: Tensor,
  limit: number,
): { readonly clipped: Tensor; readonly norm: Tensor } {
  const { graph } = gradient;
  const norm = squareRoot(reduceSum(multiply(gradient, gradient)));
  const ratio = divide(graph.scalar(limit), add(norm, graph.scalar(1e-6)));
  const factor = graph.emitOne('Min', [ratio, graph.scalar(1)], []);
  return { clipped: multiply(gradient, factor), norm };
}
