/**
 * Operators that stand before the first parameter or after the loss (preprocessing, probabilities): they have no
 * gradient, and `differentiate` refuses to go through them.
 */
import { axisOf, broadcastDims, checkDim, cubeDims, type Dim, dim, fixedSize, matrixDims } from '../dims.js';
import type { ElementType, Tensor } from '../graph.js';
import { add } from './add.js';
import { multiply } from './multiply.js';
import { subtract } from './subtract.js';

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

/** log(e^x − 1) for x > 0, the inverse of softplus; to the last bits for small x and for large. */
export function logExpMinusOne(x: Tensor): Tensor {
  const { graph } = x;
  const log = (y: Tensor) => graph.emitOne('Log', [maximum(y, graph.scalar(1e-30))], y.dims);
  const large = subtract(graph.scalar(1), exponential(graph.emitOne('Neg', [x], x.dims)));
  // For small x, 1 − e^−x loses its digits; log(e^x − 1) = log x + x/2 + O(x²) there.
  const near = add(log(x), multiply(x, graph.scalar(0.5)));
  return where(lessOrEqual(x, graph.scalar(1e-3)), near, add(x, log(large)));
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

/** Position of the smallest element of the dimension called `over`, which vanishes. int64. */
export function indexOfLeast(x: Tensor, over: string): Tensor {
  const axis = axisOf('indexOfLeast', x.dims, over);
  return x.graph.emitOne(
    'ArgMin',
    [x],
    x.dims.filter((_, other) => other !== axis),
    { axis: { int: axis }, keepdims: { int: 0 } },
    'int64',
  );
}

/** 1 at `indices` of a new dimension `classes`, which stands at `axis`; else 0. */
export function oneHot(indices: Tensor, classes: Dim, axis: number): Tensor {
  const { graph } = indices;
  const depth = graph.integers([fixedSize('oneHot', classes)]);
  const values = graph.constant([dim('value', 2)], [0, 1]);
  const dims = [...indices.dims.slice(0, axis), classes, ...indices.dims.slice(axis)];
  return graph.emitOne('OneHot', [indices, depth, values], dims, { axis: { int: axis } });
}

/** a [M, K] times each of b [B, K, N]: [B, M, N]. */
export function timesEach(a: Tensor, b: Tensor): Tensor {
  const [rows, inner] = matrixDims('timesEach', 'a', a.dims);
  const [each, wanted, columns] = cubeDims('timesEach', 'b', b.dims);
  checkDim('timesEach', '1 of b', wanted, inner);
  return a.graph.emitOne('MatMul', [a, b], [each, rows, columns]);
}

/** a [M, K] times b [K, N, P], whose last size may be known only at run time: [M, N, P]. */
export function timesStack(a: Tensor, b: Tensor): Tensor {
  const [rows, inner] = matrixDims('timesStack', 'a', a.dims);
  const [wanted, middle, last] = cubeDims('timesStack', 'b', b.dims);
  checkDim('timesStack', '0 of b', wanted, inner);
  const { graph } = a;
  const column = dim('column', null);
  const flat = graph.emitOne(
    'Reshape',
    [b, graph.integers([fixedSize('timesStack', inner), -1])],
    [inner, column],
  );
  const product = graph.emitOne('MatMul', [a, flat], [rows, column]);
  const sizes = [fixedSize('timesStack', rows), fixedSize('timesStack', middle), -1];
  return graph.emitOne('Reshape', [product, graph.integers(sizes)], [rows, middle, last]);
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
