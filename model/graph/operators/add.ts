import { broadcastDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** a + b, element by element, with broadcasting. */
export function add(a: Tensor, b: Tensor): Tensor {
  const { graph } = a;
  const result = graph.emitOne('Add', [a, b], broadcastDims('add', a.dims, b.dims));
  graph.record({
    operator: 'add',
    inputs: [a, b],
    outputs: [result],
    gradients: ([d]) => [() => sumTo(d as Tensor, a.dims), () => sumTo(d as Tensor, b.dims)],
  });
  return result;
}
