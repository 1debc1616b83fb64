import { checkDim, checkDims, checkRank } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** x·w + b. x [M, K]; w [K, N]; b [N], or [M, N], or none. One general matrix product (Gemm). */
export function affine(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  checkRank('affine', 'x', x.dims, 2);
  checkRank('affine', 'w', w.dims, 2);
  checkDim('affine', '0 of w', w.dims[0], x.dims[1]);
  const { graph } = x;
  const dims = [x.dims[0], w.dims[1]];
  if (b !== undefined) checkDims('affine', 'b', b.dims, b.dims.length === 1 ? [w.dims[1]] : dims);
  const result = graph.emitOne('Gemm', [x, w, b], dims);
  graph.record({
    operator: 'affine',
    inputs: b === undefined ? [x, w] : [x, w, b],
    outputs: [result],
    gradients: ([d]) => [
      () => timesTransposed(d as Tensor, w),
      () => transposedTimes(x, d as Tensor),
      () => sumTo(d as Tensor, (b as Tensor).dims),
    ],
  });
  return result;
}

/** a·bᵀ (+ c). a [M, N]; b [K, N]; c [M, K]. Part of gradients: no gradient of its own. */
export function timesTransposed(a: Tensor, b: Tensor, c?: Tensor): Tensor {
  checkDim('timesTransposed', '1 of b', b.dims[1], a.dims[1]);
  return a.graph.emitOne('Gemm', [a, b, c], [a.dims[0], b.dims[0]], { transB: { int: 1 } });
}

/** aᵀ·b. a [M, K]; b [M, N]. Part of gradients: no gradient of its own. */
export function transposedTimes(a: Tensor, b: Tensor): Tensor {
  checkDim('transposedTimes', '0 of b', b.dims[0], a.dims[0]);
  return a.graph.emitOne('Gemm', [a, b], [a.dims[1], b.dims[1]], { transA: { int: 1 } });
}
