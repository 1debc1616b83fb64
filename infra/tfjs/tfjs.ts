/** The part of TensorFlow.js 4.22 that is used here: it is no dependency, so its types are not there to import. */

export type TfType = 'float32' | 'int32' | 'bool';

export interface TfTensor {
  readonly shape: readonly number[];
  readonly dtype: TfType;
  dataSync(): Float32Array | Int32Array | Uint8Array;
  dispose(): void;
}

type Unary = (x: TfTensor) => TfTensor;
type Binary = (a: TfTensor, b: TfTensor) => TfTensor;
type Reduction = (x: TfTensor, axes: readonly number[], keepDims: boolean) => TfTensor;

export interface Tf {
  tensor(values: Float32Array | Int32Array | Uint8Array, shape: readonly number[], type: TfType): TfTensor;
  zeros(shape: readonly number[]): TfTensor;
  /** Disposes of all that `compute` made, but for what it returns. */
  tidy<T>(compute: () => T): T;
  keep(x: TfTensor): TfTensor;
  memory(): { readonly numTensors: number };

  readonly abs: Unary;
  readonly exp: Unary;
  readonly isNaN: Unary;
  readonly log: Unary;
  readonly neg: Unary;
  readonly relu: Unary;
  readonly sigmoid: Unary;
  readonly softplus: Unary;
  readonly sqrt: Unary;
  readonly tanh: Unary;
  readonly add: Binary;
  readonly div: Binary;
  readonly equal: Binary;
  readonly lessEqual: Binary;
  readonly maximum: Binary;
  readonly minimum: Binary;
  readonly mul: Binary;
  readonly sub: Binary;
  readonly max: Reduction;
  readonly mean: Reduction;
  readonly min: Reduction;
  readonly sum: Reduction;

  argMin(x: TfTensor, axis: number): TfTensor;
  broadcastTo(x: TfTensor, shape: readonly number[]): TfTensor;
  cast(x: TfTensor, type: TfType): TfTensor;
  concat(parts: readonly TfTensor[], axis: number): TfTensor;
  cumsum(x: TfTensor, axis: number): TfTensor;
  expandDims(x: TfTensor, axis: number): TfTensor;
  gather(x: TfTensor, indices: TfTensor, axis: number): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA: boolean, transposeB: boolean): TfTensor;
  maxPool(
    x: TfTensor,
    size: readonly [number, number],
    strides: readonly [number, number],
    pad: 'valid',
  ): TfTensor;
  pad(x: TfTensor, paddings: readonly (readonly [number, number])[], value: number): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  reverse(x: TfTensor, axis: number): TfTensor;
  slice(x: TfTensor, begin: readonly number[], size: readonly number[]): TfTensor;
  split(x: TfTensor, sizes: readonly number[], axis: number): readonly TfTensor[];
  squeeze(x: TfTensor, axes: readonly number[]): TfTensor;
  stack(parts: readonly TfTensor[], axis: number): TfTensor;
  transpose(x: TfTensor, order: readonly number[]): TfTensor;
  unstack(x: TfTensor, axis: number): readonly TfTensor[];
  where(condition: TfTensor, a: TfTensor, b: TfTensor): TfTensor;
}

/** TensorFlow's own C library behind it, of tfjs-node: any of its kernels by name. */
export interface NativeBackend {
  executeMultipleOutputs(
    kernel: string,
    attributes: readonly { readonly name: string; readonly type: number; readonly value: unknown }[],
    inputs: readonly TfTensor[],
    outputCount: number,
  ): readonly TfTensor[];
  readonly binding: {
    createTensor(shape: readonly number[], type: number, values: Int32Array): number;
    readonly TF_ATTR_BOOL: number;
    readonly TF_ATTR_FLOAT: number;
    readonly TF_ATTR_TYPE: number;
    readonly TF_FLOAT: number;
    readonly TF_INT64: number;
  };
  readonly tensorMap: { set(dataId: object, value: object): void };
}

/** TensorFlow.js as it was opened. */
export interface OpenTfjs {
  readonly tf: Tf;
  /** With tfjs-node only. */
  readonly native: NativeBackend | undefined;
}
