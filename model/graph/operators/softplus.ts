import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { sigmoid } from './sigmoid.js';

/** ln(1 + e^x), without overflow. −softplus(x) = ln(1 − sigmoid(x)). */
export function softplus(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.emitOne('Softplus', [x], x.dims);
  graph.record({
    operator: 'softplus',
    inputs: [x],
    outputs: [result],
    gradients: ([d]) => [() => multiply(d as Tensor, sigmoid(x))],
  });
  return result;
}
