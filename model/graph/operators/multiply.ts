import { broadcastDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** a · b, element by element, with broadcasting. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  const { graph } = a;
  const result = graph.emitOne('Mul', [a, b], broadcastDims('multiply', a.dims, b.dims));
  return graph.recordOne('multiply', [a, b], result, (d) => [
    () => sumTo(multiply(d, b), a.dims),
    () => sumTo(multiply(d, a), b.dims),
  ]);
}
