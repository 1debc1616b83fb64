/** Sums a gradient over what broadcasting repeated. Not differentiable itself: only gradients use it. */
import { type Dim, type Dims, sameDim } from '../dims.js';
import type { Tensor } from '../graph.js';

/** `gradient` has the dimensions of an element-wise result, `dims` are those of one of its operands. */
export function sumTo(gradient: Tensor, dims: Dims): Tensor {
  const { graph } = gradient;
  const offset = gradient.dims.length - dims.length;
  const axes = gradient.dims.flatMap((each, axis) =>
    axis < offset || !sameDim(each, dims[axis - offset] as Dim) ? [axis] : [],
  );
  if (axes.length === 0) return gradient;
  const kept = axes.every((axis) => axis < offset);
  if (kept)
    return graph.emitOne('ReduceSum', [gradient, graph.integers(axes)], dims, { keepdims: { int: 0 } });
  const summed = graph.emitOne(
    'ReduceSum',
    [gradient, graph.integers(axes)],
    gradient.dims.map((each, axis) => (axes.includes(axis) ? { name: each.name, size: 1 } : each)),
    { keepdims: { int: 1 } },
  );
  if (offset === 0) return summed;
  return graph.emitOne('Squeeze', [summed, graph.integers(range(offset))], dims);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
