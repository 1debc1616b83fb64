import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { subtract } from './subtract.js';
import { cast, lessOrEqual } from './without-gradient.js';

/** max(x, 0); its gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.emitOne('Relu', [x], x.dims);
  return graph.recordOne('relu', [x], result, (d) => [
    () => multiply(d, subtract(graph.scalar(1), cast(lessOrEqual(x, graph.scalar(0)), 'float'))),
  ]);
}
