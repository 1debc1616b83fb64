import { broadcastDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** a − b, element by element, with broadcasting. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  const { graph } = a;
  const result = graph.emitOne('Sub', [a, b], broadcastDims('subtract', a.dims, b.dims));
  return graph.recordOne('subtract', [a, b], result, (d) => [
    () => sumTo(d, a.dims),
    () => sumTo(graph.emitOne('Neg', [d], d.dims), b.dims),
  ]);
}
