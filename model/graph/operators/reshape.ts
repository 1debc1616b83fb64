import { type Dims, printDims, ShapeError } from '../dims.js';
import type { Tensor } from '../graph.js';

/** The same elements in the same order under other dimensions. At most one size may be known only at run time. */
export function reshape(x: Tensor, dims: Dims): Tensor {
  const known = (list: Dims) => list.reduce((product, each) => product * (each.size ?? 1), 1);
  const open = (list: Dims) => list.filter((each) => each.size === null).length;
  if (known(x.dims) !== known(dims) || open(x.dims) !== open(dims) || open(dims) > 1)
    throw new ShapeError(
      `reshape: all dimensions: got ${printDims(x.dims)}, wanted as many as ${printDims(dims)}`,
    );
  const { graph } = x;
  const sizes = graph.integers(dims.map((each) => each.size ?? -1));
  const result = graph.emitOne('Reshape', [x, sizes], dims);
  return graph.recordOne('reshape', [x], result, (d) => [() => reshape(d, x.dims)]);
}
