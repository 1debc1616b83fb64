import { axisOf, fixedSize } from '../dims.js';
import type { Tensor } from '../graph.js';

/** Sum over the dimensions called `over` (all of them by default), which vanish. */
export function reduceSum(x: Tensor, over: readonly string[] = x.dims.map((each) => each.name)): Tensor {
  const { graph } = x;
  const axes = over.map((name) => axisOf('reduceSum', x.dims, name));
  const dims = x.dims.filter((_, axis) => !axes.includes(axis));
  const result = graph.emitOne('ReduceSum', [x, graph.integers(axes)], dims, { keepdims: { int: 0 } });
  return graph.recordOne('reduceSum', [x], result, (d) => [
    () => {
      const kept = x.dims.map((each, axis) => (axes.includes(axis) ? { name: each.name, size: 1 } : each));
      const spread = graph.emitOne('Unsqueeze', [d, graph.integers([...axes].sort((a, b) => a - b))], kept);
      const sizes = graph.integers(x.dims.map((each) => fixedSize('reduceSum', each)));
      return graph.emitOne('Expand', [spread, sizes], x.dims);
    },
  ]);
}
