import { broadcastDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** a · b, element by element, with broadcasting. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  const { graph } = a;
  const result = graph.emitOne('Mul', [a, b], broadcastDims('multiply', a.dims, b.dims));
  graph.record({
    operator: 'multiply',
    inputs: [a, b],
    outputs: [result],
    gradients: ([d]) => [
      () => sumTo(multiply(d as Tensor, b), a.dims),
      () => sumTo(multiply(d as Tensor, a), b.dims),
    ],
  });
  return result;
}
