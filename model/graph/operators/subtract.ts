import { broadcastDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** a − b, element by element, with broadcasting. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  const { graph } = a;
  const result = graph.emitOne('Sub', [a, b], broadcastDims('subtract', a.dims, b.dims));
  graph.record({
    operator: 'subtract',
    inputs: [a, b],
    outputs: [result],
    gradients: ([d]) => [
      () => sumTo(d as Tensor, a.dims),
      () => sumTo(graph.emitOne('Neg', [d as Tensor], (d as Tensor).dims), b.dims),
    ],
  });
  return result;
}
