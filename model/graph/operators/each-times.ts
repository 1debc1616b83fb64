import { checkDim, type Dim, dim, matrixDims, sizeOf } from '../dims.js';
import type { Tensor } from '../graph.js';
import { transposedTimes } from './affine.js';
import { reshape } from './reshape.js';
import { transpose } from './transpose.js';

/** Each of a [..., K] times b [K, N]: [..., N]. */
export function eachTimes(a: Tensor, b: Tensor): Tensor {
  const outer = a.dims.slice(0, -1);
  const inner = a.dims.at(-1) as Dim;
  const [wanted, columns] = matrixDims('eachTimes', 'b', b.dims);
  checkDim('eachTimes', '0 of b', wanted, inner);
  const { graph } = a;
  const result = graph.emitOne('MatMul', [a, b], [...outer, columns]);
  return graph.recordOne('eachTimes', [a, b], result, (d) => [
    () => eachTimes(d, transpose(b, [columns.name, inner.name])),
    () => {
      const row = dim('row', sizeOf('eachTimes', outer));
      return transposedTimes(reshape(a, [row, inner]), reshape(d, [row, columns]));
    },
  ]);
}
