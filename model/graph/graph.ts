/**
 * A graph under construction: nodes in ONNX's words, and a tape that remembers how each result came about, so
 * that `differentiate` can walk it backwards. It computes nothing: an engine runs the bytes of `encodeGraph`.
 */
import { type Dims, sizeOf } from './dims.js';

export type ElementType = 'float' | 'int64' | 'int32' | 'bool';
/** What `float` means: float32 to train and serve, float64 to check gradients by finite differences. */
export type Precision = 'float32' | 'float64';

/** A value in a graph. Immutable; made by operators. */
export interface Tensor {
  readonly graph: Graph;
  readonly name: string;
  readonly dims: Dims;
  readonly type: ElementType;
  /** Depends on an input that gradients are wanted for. */
  readonly tracked: boolean;
}

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string }
  | { readonly body: GraphBody };

export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A graph within a node, which runs it many times. It sees the tensors of the graph around it. */
export interface GraphBody {
  readonly inputs: readonly Tensor[];
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly Tensor[];
}

export interface GraphConstant {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: ElementType;
  readonly values: ArrayLike<number>;
}

/**
 * One step of the tape. `gradients` gets the gradient of the loss with respect to each output (undefined: no
 * influence) and returns, per input, how to make its gradient; only those of tracked inputs are made.
 */
export interface TapeStep {
  readonly operator: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly gradients: (outputs: readonly (Tensor | undefined)[]) => readonly (() => Tensor)[];
}

/** What an operator will give: dimensions, and the element type where it is not that of its first input. */
export interface GraphResult {
  readonly dims: Dims;
  readonly type?: ElementType;
}

/** A tuple gives a tuple of tensors, an array an array. */
export type OneTensorEach<Parts extends readonly unknown[]> = { -readonly [Key in keyof Parts]: Tensor };

export class Graph {
  readonly precision: Precision;
  readonly inputs: Tensor[] = [];
  readonly outputs: { readonly name: string; readonly tensor: Tensor }[] = [];
  readonly nodes: GraphNode[] = [];
  readonly constants: GraphConstant[] = [];
  readonly tape: TapeStep[] = [];
  readonly #pooled = new Map<string, Tensor>();
  #nameCount = 0;
  #recording = true;

  constructor(precision: Precision = 'float32') {
    this.precision = precision;
  }

  /** `tracked`: gradients with respect to it will be wanted. */
  input(
    name: string,
    dims: Dims,
    options: { readonly tracked?: boolean; readonly type?: ElementType } = {},
  ): Tensor {
    const tensor = this.#tensor(name, dims, options.type ?? 'float', options.tracked ?? false);
    this.inputs.push(tensor);
    return tensor;
  }

  output(name: string, tensor: Tensor): void {
    this.outputs.push({ name, tensor });
  }

  /** `stem`: what its name in the file begins with. */
  constant(
    dims: Dims,
    values: ArrayLike<number>,
    type: ElementType = 'float',
    stem: string = 'constant',
  ): Tensor {
    const name = this.#name(stem);
    const sizes = dims.map((each) => sizeOf('constant', [each]));
    this.constants.push({ name, dims: sizes, type, values });
    return this.#tensor(name, dims, type, false);
  }

  /** A number without dimensions; the same number is stored once. */
  scalar(value: number): Tensor {
    return this.#once(`scalar ${value}`, () => this.constant([], [value]));
  }

  /** A list of integers such as axes or sizes; the same list is stored once. */
  integers(values: readonly number[]): Tensor {
    return this.#once(`integers ${values.join()}`, () =>
      this.constant([{ name: 'list', size: values.length }], values, 'int64'),
    );
  }

  /** Adds an ONNX node. Operators call it; it records nothing on the tape. */
  emit<Results extends readonly GraphResult[]>(
    operator: string,
    inputs: readonly (Tensor | undefined)[],
    results: Results,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): OneTensorEach<Results> {
    const given = inputs.filter((input) => input !== undefined);
    const tracked = given.some((input) => input.tracked);
    const outputs = results.map(({ dims, type }) =>
      this.#tensor(this.#name(operator), dims, type ?? given[0]?.type ?? 'float', tracked),
    );
    this.nodes.push({
      operator,
      inputs: inputs.map((input) => input?.name ?? ''),
      outputs: outputs.map((output) => output.name),
      attributes,
    });
    return outputs as OneTensorEach<Results>;
  }

  emitOne(
    operator: string,
    inputs: readonly (Tensor | undefined)[],
    dims: Dims,
    attributes: Readonly<Record<string, Attribute>> = {},
    type?: ElementType,
  ): Tensor {
    const result = type === undefined ? { dims } : { dims, type };
    const [tensor] = this.emit(operator, inputs, [result] as const, attributes);
    return tensor;
  }

  record(step: TapeStep): void {
    if (this.#recording) this.tape.push(step);
  }

  /** Records an operator of one result; `gradients` gets the gradient of that. */
  recordOne(
    operator: string,
    inputs: readonly Tensor[],
    result: Tensor,
    gradients: (gradient: Tensor) => readonly (() => Tensor)[],
  ): Tensor {
    const step = ([gradient]: readonly (Tensor | undefined)[]) => gradients(gradient as Tensor);
    this.record({ operator, inputs, outputs: [result], gradients: step });
    return result;
  }

  /** What `build` makes leaves no steps on the tape: a composite operator records one step of its own. */
  withoutTape<T>(build: () => T): T {
    const before = this.#recording;
    this.#recording = false;
    try {
      return build();
    } finally {
      this.#recording = before;
    }
  }

  /** What `build` makes of inputs like these becomes a body instead of nodes of this graph. */
  body(like: readonly Tensor[], build: (inputs: readonly Tensor[]) => readonly Tensor[]): GraphBody {
    const before = this.nodes.length;
    const inputs = like.map(({ dims, type, tracked }) =>
      this.#tensor(this.#name('each'), dims, type, tracked),
    );
    const outputs = build(inputs);
    return { inputs, nodes: this.nodes.splice(before), outputs };
  }

  #once(key: string, make: () => Tensor): Tensor {
    let tensor = this.#pooled.get(key);
    if (!tensor) {
      tensor = make();
      this.#pooled.set(key, tensor);
    }
    return tensor;
  }

  #tensor(name: string, dims: Dims, type: ElementType, tracked: boolean): Tensor {
    return { graph: this, name, dims, type, tracked };
  }

  #name(stem: string): string {
    this.#nameCount += 1;
    return `${stem}_${this.#nameCount}`;
  }
}
