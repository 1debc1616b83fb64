import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { subtract } from './subtract.js';

export function tanh(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.emitOne('Tanh', [x], x.dims);
  graph.record({
    operator: 'tanh',
    inputs: [x],
    outputs: [result],
    gradients: ([d]) => [() => multiply(d as Tensor, subtract(graph.scalar(1), multiply(result, result)))],
  });
  return result;
}
