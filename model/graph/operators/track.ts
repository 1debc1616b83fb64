import type { Tensor } from '../graph.js';

/** The same values; gradients are wanted from here on, though not of what x was made from. */
export function track(x: Tensor): Tensor {
  const { graph } = x;
  const result = { ...graph.emitOne('Identity', [x], x.dims), tracked: true };
  return graph.recordOne('track', [x], result, (d) => [() => d]);
}
