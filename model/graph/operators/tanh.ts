import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { subtract } from './subtract.js';

export function tanh(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.emitOne('Tanh', [x], x.dims);
  return graph.recordOne('tanh', [x], result, (d) => [
    () => multiply(d, subtract(graph.scalar(1), multiply(result, result))),
  ]);
}
