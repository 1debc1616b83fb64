import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { subtract } from './subtract.js';

/** 1 / (1 + e^−x): the true sigmoid, not a piecewise one. */
export function sigmoid(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.emitOne('Sigmoid', [x], x.dims);
  return graph.recordOne('sigmoid', [x], result, (d) => [
    () => multiply(d, multiply(result, subtract(graph.scalar(1), result))),
  ]);
}
