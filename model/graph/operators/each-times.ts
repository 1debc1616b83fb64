import { checkDim, cubeDims, dim, fixedSize, matrixDims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { transposedTimes } from './affine.js';
import { reshape } from './reshape.js';
import { transpose } from './transpose.js';

/** Each of a [B, M, K] times b [K, N]: [B, M, N]. */
export function eachTimes(a: Tensor, b: Tensor): Tensor {
  const [each, rows, inner] = cubeDims('eachTimes', 'a', a.dims);
  const [wanted, columns] = matrixDims('eachTimes', 'b', b.dims);
  checkDim('eachTimes', '0 of b', wanted, inner);
  const { graph } = a;
  const result = graph.emitOne('MatMul', [a, b], [each, rows, columns]);
  return graph.recordOne('eachTimes', [a, b], result, (d) => [
    () => eachTimes(d, transpose(b, [columns.name, inner.name])),
    () => {
      const row = dim('row', fixedSize('eachTimes', each) * fixedSize('eachTimes', rows));
      return transposedTimes(reshape(a, [row, inner]), reshape(d, [row, columns]));
    },
  ]);
}
