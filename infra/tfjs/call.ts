/** What an operator is given when it runs. */
import type { OnnxNode } from './onnx-file.js';
import type { OpenTfjs, Tf, TfTensor } from './tfjs.js';

/** Tensors that outlive a run: a graph's constants, and what is made of them. */
export class KeptTensors {
  readonly #tf: Tf;
  readonly #tensors = new Set<TfTensor>();
  readonly #prepared = new Map<OnnxNode, readonly TfTensor[]>();

  constructor(tf: Tf) {
    this.#tf = tf;
  }

  keep(tensor: TfTensor): TfTensor {
    this.#tensors.add(tensor);
    return this.#tf.keep(tensor);
  }

  /** What `make` gives for a node: made once where all of its `sources` are kept, else anew. */
  prepared(
    node: OnnxNode,
    sources: readonly TfTensor[],
    make: () => readonly TfTensor[],
  ): readonly TfTensor[] {
    if (!sources.every((source) => this.#tensors.has(source))) return make();
    let made = this.#prepared.get(node);
    if (made === undefined) {
      made = make().map((tensor) => this.keep(tensor));
      this.#prepared.set(node, made);
    }
    return made;
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
    this.#tensors.clear();
  }
}

const numbersOfTensor = new WeakMap<TfTensor, readonly number[]>();

export class Call {
  readonly tfjs: OpenTfjs;
  readonly node: OnnxNode;
  readonly kept: KeptTensors;
  /** What the node's body gives for its inputs. */
  readonly runBody: (inputs: readonly TfTensor[]) => readonly TfTensor[];
  readonly #inputs: readonly (TfTensor | undefined)[];

  constructor(
    tfjs: OpenTfjs,
    node: OnnxNode,
    inputs: readonly (TfTensor | undefined)[],
    kept: KeptTensors,
    runBody: Call['runBody'],
  ) {
    this.tfjs = tfjs;
    this.node = node;
    this.kept = kept;
    this.runBody = runBody;
    this.#inputs = inputs;
  }

  get tf(): Tf {
    return this.tfjs.tf;
  }

  get inputs(): readonly TfTensor[] {
    return this.#inputs.filter((input) => input !== undefined);
  }

  input(position: number): TfTensor {
    const input = this.optional(position);
    if (input === undefined) throw new Error(`${this.node.operator} needs its input ${position}`);
    return input;
  }

  optional(position: number): TfTensor | undefined {
    return this.#inputs[position];
  }

  /** Whether anything reads that output. */
  wants(position: number): boolean {
    return (this.node.outputs[position] ?? '') !== '';
  }

  /** The elements of an input that says how, such as axes or sizes. */
  numbers(position: number): readonly number[] {
    const tensor = this.input(position);
    let numbers = numbersOfTensor.get(tensor);
    if (numbers === undefined) {
      numbers = [...tensor.dataSync()];
      numbersOfTensor.set(tensor, numbers);
    }
    return numbers;
  }

  number(name: string, fallback: number): number {
    const value = this.node.attributes.get(name);
    return typeof value === 'number' ? value : fallback;
  }

  text(name: string, fallback: string): string {
    const value = this.node.attributes.get(name);
    return typeof value === 'string' ? value : fallback;
  }

  list(name: string): readonly number[] {
    const value = this.node.attributes.get(name);
    if (!Array.isArray(value)) throw new Error(`${this.node.operator} needs its attribute ${name}`);
    return value as readonly number[];
  }
}
