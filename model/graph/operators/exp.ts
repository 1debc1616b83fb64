import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';

export function exp(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.emitOne('Exp', [x], x.dims);
  return graph.recordOne('exp', [x], result, (d) => [() => multiply(d, result)]);
}
