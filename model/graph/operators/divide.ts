import { broadcastDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { sumTo } from './sum-to.js';

/** a / b, element by element, with broadcasting. The caller keeps b away from 0. */
export function divide(a: Tensor, b: Tensor): Tensor {
  const { graph } = a;
  const result = graph.emitOne('Div', [a, b], broadcastDims('divide', a.dims, b.dims));
  return graph.recordOne('divide', [a, b], result, (d) => [
    () => sumTo(divide(d, b), a.dims),
    () => {
      const slope = divide(multiply(d, result), b);
      return sumTo(graph.emitOne('Neg', [slope], slope.dims), b.dims);
    },
  ]);
}
