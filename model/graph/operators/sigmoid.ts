import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { subtract } from './subtract.js';

/** 1 / (1 + e^−x): the true sigmoid, not a piecewise one. */
export function sigmoid(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.emitOne('Sigmoid', [x], x.dims);
  graph.record({
    operator: 'sigmoid',
    inputs: [x],
    outputs: [result],
    gradients: ([d]) => [
      () => multiply(d as Tensor, multiply(result, subtract(graph.scalar(1), result))),
    ],
  });
  return result;
}
