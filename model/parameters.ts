/** The parameters of a network as one flat vector: what the optimizer, the checkpoint and the artifact hold. */
import type { Rng } from '../domain/rng.js';
import { type Dims, dim, sizeOf } from './graph/dims.js';
import type { Tensor } from './graph/graph.js';
import { concat } from './graph/operators/concat.js';
import { multiply } from './graph/operators/multiply.js';
import { reduceSum } from './graph/operators/reduce-sum.js';
import { reshape } from './graph/operators/reshape.js';
import { split } from './graph/operators/split.js';
import { squareRoot } from './graph/operators/without-gradient.js';

export interface Parameter {
  readonly name: string;
  readonly dims: Dims;
  /** Weight decay pulls matrices to zero; biases stay free. */
  readonly decays: boolean;
  /** First values, row-major. */
  readonly initialize: (rng: Rng) => Float64Array;
}

export type ParameterLayout = readonly Parameter[];

export function parameterCount(layout: ParameterLayout): number {
  return layout.reduce((sum, { dims }) => sum + sizeOf('parameters', dims), 0);
}

export function initializeParameters(layout: ParameterLayout, rng: Rng): Float32Array {
  const flat = new Float32Array(parameterCount(layout));
  let offset = 0;
  for (const parameter of layout) {
    const values = parameter.initialize(rng);
    flat.set(values, offset);
    offset += values.length;
  }
  return flat;
}

/** 1 where weight decay applies, else 0. */
export function decayMask(layout: ParameterLayout): Float32Array {
  const mask = new Float32Array(parameterCount(layout));
  let offset = 0;
  for (const { dims, decays } of layout) {
    const size = sizeOf('parameters', dims);
    if (decays) mask.fill(1, offset, offset + size);
    offset += size;
  }
  return mask;
}

/** The flat vector cut into its parameters, by name. */
export function unpackParameters(flat: Tensor, layout: ParameterLayout): ReadonlyMap<string, Tensor> {
  const pieces = layout.map(({ dims }) => dim('parameter', sizeOf('parameters', dims)));
  const parts = split(flat, 'parameter', pieces);
  return new Map(layout.map(({ name, dims }, index) => [name, reshape(parts[index]!, dims)]));
}

/** Euclidean norm of each parameter's part of a flat vector: [number of parameters]. */
export function parameterNorms(flat: Tensor, layout: ParameterLayout): Tensor {
  const norms = [...unpackParameters(flat, layout).values()].map((part) => {
    const squares = reduceSum(multiply(part, part));
    return reshape(squareRoot(squares), [dim('norm', 1)]);
  });
  return concat(norms, 'norm');
}

/** The flat vector's parts by name: views of it. */
export function sliceParameters(flat: Float32Array, layout: ParameterLayout): Map<string, Float32Array> {
  let offset = 0;
  return new Map(
    layout.map(({ name, dims }) => {
      const start = offset;
      offset += sizeOf('parameters', dims);
      return [name, flat.subarray(start, offset)];
    }),
  );
}

/** The reverse. Every parameter of the layout must be there, in its size. */
export function joinParameters(
  byName: ReadonlyMap<string, Float32Array>,
  layout: ParameterLayout,
): Float32Array {
  const flat = new Float32Array(parameterCount(layout));
  for (const [name, part] of sliceParameters(flat, layout)) part.set(byName.get(name) as Float32Array);
  return flat;
}

export function parameter(parameters: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = parameters.get(name);
  if (tensor === undefined) throw new Error(`parameter "${name}": got ${[...parameters.keys()].join()}`);
  return tensor;
}

/** Glorot & Bengio 2010: uniform in ±√(6 / (fanIn + fanOut)). */
export function glorotUniform(rows: number, columns: number, rng: Rng, fanOut = columns): Float64Array {
  const bound = Math.sqrt(6 / (rows + fanOut));
  return Float64Array.from({ length: rows * columns }, () => (2 * rng.uniform() - 1) * bound);
}

/** Square matrix with orthonormal rows: Gram–Schmidt on normal draws (Saxe, McClelland & Ganguli 2014). */
export function orthogonal(size: number, rng: Rng): Float64Array {
  const matrix = Float64Array.from({ length: size * size }, () => rng.normal());
  for (let i = 0; i < size; i++) {
    const row = matrix.subarray(i * size, (i + 1) * size);
    // Twice is enough (Parlett): the second pass removes what rounding left.
    for (let pass = 0; pass < 2; pass++)
      for (let j = 0; j < i; j++) {
        const other = matrix.subarray(j * size, (j + 1) * size);
        let product = 0;
        for (let k = 0; k < size; k++) product += row[k]! * other[k]!;
        for (let k = 0; k < size; k++) row[k]! -= product * other[k]!;
      }
    let squares = 0;
    for (let k = 0; k < size; k++) squares += row[k]! ** 2;
    const norm = Math.sqrt(squares);
    for (let k = 0; k < size; k++) row[k]! /= norm;
  }
  return matrix;
}
