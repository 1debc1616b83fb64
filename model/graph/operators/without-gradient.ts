/**
 * Operators that stand before the first parameter or after the loss (preprocessing, probabilities): they have no
 * gradient, and `differentiate` refuses to go through them.
 */
import { axisOf, broadcastDims, checkDim, cubeDims, type Dim, fixedSize, matrixDims } from '../dims.js';
import type { ElementType, Tensor } from '../graph.js';

/** True where x is NaN. */
export function isMissing(x: Tensor): Tensor {
  return x.graph.emitOne('IsNaN', [x], x.dims, {}, 'bool');
}

/** `a` where `condition`, else `b`; broadcasting. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const dims = broadcastDims('where', condition.dims, broadcastDims('where', a.dims, b.dims));
  return condition.graph.emitOne('Where', [condition, a, b], dims, {}, a.type);
}

export function clip(x: Tensor, low: number, high: number): Tensor {
  return x.graph.emitOne('Clip', [x, x.graph.scalar(low), x.graph.scalar(high)], x.dims);
}

/** Element by element, the greater one. */
export function maximum(a: Tensor, b: Tensor): Tensor {
  return a.graph.emitOne('Max', [a, b], broadcastDims('maximum', a.dims, b.dims));
}

export function lessOrEqual(a: Tensor, b: Tensor): Tensor {
  return a.graph.emitOne('LessOrEqual', [a, b], broadcastDims('lessOrEqual', a.dims, b.dims), {}, 'bool');
}

export function equal(a: Tensor, b: Tensor): Tensor {
  return a.graph.emitOne('Equal', [a, b], broadcastDims('equal', a.dims, b.dims), {}, 'bool');
}

export function squareRoot(x: Tensor): Tensor {
  return x.graph.emitOne('Sqrt', [x], x.dims);
}

export function exponential(x: Tensor): Tensor {
  return x.graph.emitOne('Exp', [x], x.dims);
}

/** To another element type: bool becomes 0 and 1. */
export function cast(x: Tensor, type: ElementType): Tensor {
  const codes = { float: x.graph.precision === 'float32' ? 1 : 11, int32: 6, int64: 7, bool: 9 };
  return x.graph.emitOne('Cast', [x], x.dims, { to: { int: codes[type] } }, type);
}

/** The elements at `indices` of the dimension called `along`, in that order; the result's dimension is called `as`. */
export function select(x: Tensor, along: string, indices: readonly number[], as: string = along): Tensor {
  const axis = axisOf('select', x.dims, along);
  const dims = x.dims.map((each, other) => (other === axis ? { name: as, size: indices.length } : each));
  // onnxruntime copies element by element, also where nothing is left out.
  if (indices.length === x.dims[axis]?.size && indices.every((each, place) => each === place))
    return { ...x, dims };
  return x.graph.emitOne('Gather', [x, x.graph.integers(indices)], dims, { axis: { int: axis } });
}

/** Row `indices[...]` of `table` [N, D] for every index: [..., D]. */
export function lookUp(table: Tensor, indices: Tensor): Tensor {
  const [, columns] = matrixDims('lookUp', 'table', table.dims);
  return table.graph.emitOne(
    'Gather',
    [table, indices],
    [...indices.dims, columns],
    { axis: { int: 0 } },
    table.type,
  );
}

/** Position of the smallest element of the last dimension, which vanishes. int64. */
export function indexOfLeast(x: Tensor): Tensor {
  return x.graph.emitOne(
    'ArgMin',
    [x],
    x.dims.slice(0, -1),
    { axis: { int: x.dims.length - 1 }, keepdims: { int: 0 } },
    'int64',
  );
}

/** a [M, K] times each of b [B, K, N]: [B, M, N]. */
export function timesEach(a: Tensor, b: Tensor): Tensor {
  const [rows, inner] = matrixDims('timesEach', 'a', a.dims);
  const [each, wanted, columns] = cubeDims('timesEach', 'b', b.dims);
  checkDim('timesEach', '1 of b', wanted, inner);
  return a.graph.emitOne('MatMul', [a, b], [each, rows, columns]);
}

/** Adds a dimension of size 1, called `name`, in front. */
export function stack(x: Tensor, name: string): Tensor {
  return x.graph.emitOne('Unsqueeze', [x, x.graph.integers([0])], [{ name, size: 1 }, ...x.dims]);
}

/** Sums of the first 1, 2, ... elements of the dimension called `along`. */
export function cumulativeSum(x: Tensor, along: string): Tensor {
  const axis = x.graph.integers([axisOf('cumulativeSum', x.dims, along)]);
  return x.graph.emitOne('CumSum', [x, axis], x.dims);
}

/** Least element of the dimension called `over`, which vanishes. */
export function least(x: Tensor, over: string): Tensor {
  const axis = axisOf('least', x.dims, over);
  const dims = x.dims.filter((_, other) => other !== axis);
  return x.graph.emitOne('ReduceMin', [x], dims, { axes: { ints: [axis] }, keepdims: { int: 0 } });
}

/** Sum over the dimension called `over`, for any element type. */
export function total(x: Tensor, over: string): Tensor {
  const axis = axisOf('total', x.dims, over);
  const dims = x.dims.filter((_, other) => other !== axis);
  return x.graph.emitOne('ReduceSum', [x, x.graph.integers([axis])], dims, { keepdims: { int: 0 } });
}

/** Greatest of the first 1, 2, ... elements of each row. x [B, N]. ONNX has no such operator: a padded max-pool is one. */
export function runningMaximum(x: Tensor): Tensor {
  const [rows, columns] = matrixDims('runningMaximum', 'x', x.dims);
  const width = fixedSize('runningMaximum', columns);
  const channel: Dim = { name: 'channel', size: 1 };
  const { graph } = x;
  const deep = graph.emitOne('Unsqueeze', [x, graph.integers([1])], [rows, channel, columns]);
  const pooled = graph.emitOne('MaxPool', [deep], deep.dims, {
    kernel_shape: { ints: [width] },
    pads: { ints: [width - 1, 0] },
    strides: { ints: [1] },
  });
  return graph.emitOne('Squeeze', [pooled, graph.integers([1])], x.dims);
}
