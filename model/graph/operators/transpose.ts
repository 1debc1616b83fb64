import { axisOf, checkRank, dimOf } from '../dims.js';
import type { Tensor } from '../graph.js';

/** Reorders the dimensions: `order` names them. */
export function transpose(x: Tensor, order: readonly string[]): Tensor {
  checkRank('transpose', 'x', x.dims, order.length);
  const axes = order.map((name) => axisOf('transpose', x.dims, name));
  const { graph } = x;
  const result = graph.emitOne(
    'Transpose',
    [x],
    order.map((name) => dimOf('transpose', x.dims, name)),
    { perm: { ints: axes } },
  );
  return graph.recordOne('transpose', [x], result, (d) => [
    () =>
      transpose(
        d,
        x.dims.map(({ name }) => name),
      ),
  ]);
}
