/** Named dimensions: what makes a wrong graph fail while it is built, with words, and not while it runs. */

export interface Dim {
  /** Such as 'time', 'batch', 'hidden'. Two dimensions fit when name and size agree. */
  readonly name: string;
  /** null: known only when the graph runs (the batch of a serving graph). */
  readonly size: number | null;
}

export type Dims = readonly Dim[];

/** A graph that does not fit together: names the operator, the dimension, what it got and what it wanted. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

export function dim(name: string, size: number | null): Dim {
  return { name, size };
}

export function printDims(dims: Dims): string {
  return `[${dims.map(printDim).join(', ')}]`;
}

export function printDim({ name, size }: Dim): string {
  return `${name} ${size ?? '?'}`;
}

export function sameDim(a: Dim, b: Dim): boolean {
  return a.name === b.name && a.size === b.size;
}

/** Throws ShapeError unless name and size agree. `what` tells which dimension of which operand. */
export function checkDim(operator: string, what: string, got: Dim, wanted: Dim): void {
  if (!sameDim(got, wanted))
    throw new ShapeError(
      `${operator}: dimension ${what}: got "${printDim(got)}", wanted "${printDim(wanted)}"`,
    );
}

export function checkDims(operator: string, what: string, got: Dims, wanted: Dims): void {
  checkRank(operator, what, got, wanted.length);
  wanted.forEach((each, axis) => {
    checkDim(operator, `${axis} of ${what}`, got[axis] as Dim, each);
  });
}

export function checkRank(operator: string, what: string, got: Dims, wanted: number): void {
  if (got.length !== wanted)
    throw new ShapeError(
      `${operator}: rank of ${what}: got ${got.length} ${printDims(got)}, wanted ${wanted}`,
    );
}

/** The two dimensions of a matrix. */
export function matrixDims(operator: string, what: string, dims: Dims): readonly [Dim, Dim] {
  checkRank(operator, what, dims, 2);
  return dims as readonly [Dim, Dim];
}

/** The three dimensions of a stack of matrices. */
export function cubeDims(operator: string, what: string, dims: Dims): readonly [Dim, Dim, Dim] {
  checkRank(operator, what, dims, 3);
  return dims as readonly [Dim, Dim, Dim];
}

/** Number of elements; throws where a size is known only when the graph runs. */
export function sizeOf(operator: string, dims: Dims): number {
  return dims.reduce((product, each) => product * fixedSize(operator, each), 1);
}

export function fixedSize(operator: string, { name, size }: Dim): number {
  if (size === null)
    throw new ShapeError(
      `${operator}: dimension "${name}": got a size known only at run time, wanted a number`,
    );
  return size;
}

/** Position of the dimension called `name`. */
export function axisOf(operator: string, dims: Dims, name: string): number {
  const axis = dims.findIndex((each) => each.name === name);
  if (axis < 0)
    throw new ShapeError(`${operator}: dimension "${name}": got ${printDims(dims)}, wanted one of that name`);
  return axis;
}

/** The dimension called `name`. */
export function dimOf(operator: string, dims: Dims, name: string): Dim {
  return dims[axisOf(operator, dims, name)] as Dim;
}

/**
 * Dimensions of an element-wise result: aligned at the right, one may be shorter, a size of 1 repeats (ONNX
 * broadcasting); names must agree.
 */
export function broadcastDims(operator: string, a: Dims, b: Dims): Dims {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const offset = long.length - short.length;
  return long.map((left, axis) => {
    const right = short[axis - offset];
    if (right === undefined || sameDim(left, right)) return left;
    if (left.name === right.name && right.size === 1) return left;
    if (left.name === right.name && left.size === 1) return right;
    throw new ShapeError(
      `${operator}: dimension ${axis}: got "${printDim(right)}", wanted "${printDim(left)}" (${printDims(a)} with ${printDims(b)})`,
    );
  });
}
