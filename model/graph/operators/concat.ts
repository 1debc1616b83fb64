import { axisOf, checkDim, checkRank, type Dim, dimOf, fixedSize, ShapeError } from '../dims.js';
import type { Tensor } from '../graph.js';
import { split } from './split.js';

/** Joins along the dimension called `along`; all others must agree. `as` names the result's dimension. */
export function concat(parts: readonly Tensor[], along: string, as: string = along): Tensor {
  const [first] = parts;
  if (first === undefined) throw new ShapeError('concat: parts: got none, wanted at least one');
  const axis = axisOf('concat', first.dims, along);
  const sizes = parts.map((part, index) => {
    checkRank('concat', `part ${index}`, part.dims, first.dims.length);
    first.dims.forEach((wanted, other) => {
      const got = part.dims[other] as Dim;
      // Along the axis only the name must agree: the sizes add up.
      checkDim('concat', `${other} of part ${index}`, got, other === axis ? { ...got, name: along } : wanted);
    });
    return fixedSize('concat', dimOf('concat', part.dims, along));
  });
  if (parts.length === 1 && as === along) return first;
  const { graph } = first;
  const total: Dim = { name: as, size: sizes.reduce((sum, size) => sum + size, 0) };
  const dims = first.dims.map((each, other) => (other === axis ? total : each));
  const result = graph.emitOne('Concat', parts, dims, { axis: { int: axis } });
  return graph.recordOne('concat', parts, result, (d) => {
    const pieces = split(
      d,
      as,
      parts.map((part) => dimOf('concat', part.dims, along)),
    );
    return pieces.map((piece) => () => piece);
  });
}
