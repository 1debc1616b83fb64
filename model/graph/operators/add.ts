import { broadcastDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** a + b, element by element, with broadcasting. */
export function add(a: Tensor, b: Tensor): Tensor {
  const { graph } = a;
  const result = graph.emitOne('Add', [a, b], broadcastDims('add', a.dims, b.dims));
  return graph.recordOne('add', [a, b], result, (d) => [() => sumTo(d, a.dims), () => sumTo(d, b.dims)]);
}
