import { axisOf, checkDim, checkRank, type Dim, fixedSize } from '../dims.js';
import type { Tensor } from '../graph.js';
import { split } from './split.js';

/** Joins along the dimension called `along`; all others must agree. `as` names the result's dimension. */
export function concat(parts: readonly Tensor[], along: string, as: string = along): Tensor {
  const [first] = parts;
  const axis = axisOf('concat', first.dims, along);
  const sizes = parts.map((part, index) => {
    checkRank('concat', `part ${index}`, part.dims, first.dims.length);
    part.dims.forEach((each, other) => {
      const wanted = first.dims[other];
      // Along the axis only the name must agree: the sizes add up.
      checkDim('concat', `${other} of part ${index}`, each, other === axis ? { ...each, name: along } : wanted);
    });
    return fixedSize('concat', part.dims[axis]);
  });
  if (parts.length === 1 && as === along) return first;
  const { graph } = first;
  const total: Dim = { name: as, size: sizes.reduce((sum, size) => sum + size, 0) };
  const dims = first.dims.map((each, other) => (other === axis ? total : each));
  const result = graph.emitOne('Concat', parts, dims, { axis: { int: axis } });
  graph.record({
    operator: 'concat',
    inputs: parts,
    outputs: [result],
    gradients: ([d]) => {
      const pieces = split(d as Tensor, as, parts.map((part) => part.dims[axis]));
      return pieces.map((piece) => () => piece);
    },
  });
  return result;
}
