import { checkDim, checkDims, matrixDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { sumTo } from './sum-to.js';

/** x·w + b. x [M, K]; w [K, N]; b [N], or [M, N], or none. One general matrix product (Gemm). */
export function affine(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  const [rows, inner] = matrixDims('affine', 'x', x.dims);
  const [wanted, columns] = matrixDims('affine', 'w', w.dims);
  checkDim('affine', '0 of w', wanted, inner);
  const { graph } = x;
  const dims = [rows, columns];
  if (b !== undefined) checkDims('affine', 'b', b.dims, b.dims.length === 1 ? [columns] : dims);
  const result = graph.emitOne('Gemm', [x, w, b], dims);
  return graph.recordOne('affine', b === undefined ? [x, w] : [x, w, b], result, (d) => [
    () => timesTransposed(d, w),
    () => transposedTimes(x, d),
    () => sumTo(d, (b as Tensor).dims),
  ]);
}

/** a·bᵀ (+ c). a [M, N]; b [K, N]; c [M, K]. Part of gradients: no gradient of its own. */
export function timesTransposed(a: Tensor, b: Tensor, c?: Tensor): Tensor {
  const [rows, inner] = matrixDims('timesTransposed', 'a', a.dims);
  const [columns, wanted] = matrixDims('timesTransposed', 'b', b.dims);
  checkDim('timesTransposed', '1 of b', wanted, inner);
  return a.graph.emitOne('Gemm', [a, b, c], [rows, columns], { transB: { int: 1 } });
}

/** aᵀ·b. a [M, K]; b [M, N]. Part of gradients: no gradient of its own. */
export function transposedTimes(a: Tensor, b: Tensor): Tensor {
  const [inner, rows] = matrixDims('transposedTimes', 'a', a.dims);
  const [wanted, columns] = matrixDims('transposedTimes', 'b', b.dims);
  checkDim('transposedTimes', '0 of b', wanted, inner);
  return a.graph.emitOne('Gemm', [a, b], [rows, columns], { transA: { int: 1 } });
}
