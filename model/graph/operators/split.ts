import { axisOf, type Dim, dimOf, fixedSize, printDim, ShapeError, sizeOf } from '../dims.js';
import type { OneTensorEach, Tensor } from '../graph.js';
import { concat } from './concat.js';

/** Cuts the dimension called `along` into `pieces` (their sizes add up to it). */
export function split<const Pieces extends readonly Dim[]>(
  x: Tensor,
  along: string,
  pieces: Pieces,
): OneTensorEach<Pieces> {
  const axis = axisOf('split', x.dims, along);
  const sizes = pieces.map((piece) => fixedSize('split', piece));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const whole = dimOf('split', x.dims, along);
  if (total !== whole.size)
    throw new ShapeError(
      `split: dimension "${along}": got pieces of ${total} together, wanted ${printDim(whole)}`,
    );
  const { graph } = x;
  const results = graph.emit(
    'Split',
    [x, graph.integers(sizes)],
    pieces.map((piece) => ({ dims: x.dims.map((each, other) => (other === axis ? piece : each)) })),
    { axis: { int: axis } },
  );
  graph.record({
    operator: 'split',
    inputs: [x],
    outputs: results,
    gradients: (outputs) => [
      () => {
        const parts = results.map((result, index) => outputs[index] ?? zerosLike(result));
        const renamed = parts.map((part) => ({
          ...part,
          dims: part.dims.map((each, other) => (other === axis ? { ...each, name: along } : each)),
        }));
        return concat(renamed, along);
      },
    ],
  });
  return results as OneTensorEach<Pieces>;
}

function zerosLike(x: Tensor): Tensor {
  return x.graph.constant(x.dims, new Float64Array(sizeOf('split', x.dims)));
}
