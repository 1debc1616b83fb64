/**
 * Model files taken apart, joined and continued, whatever is inside them: what ensembles, calibration, quantisation and
 * inspection share. Only the fields of onnx-schema.ts survive, which are all that this program writes.
 */
import { assert } from '../../domain/assert.js';
import { encodeGraph } from './encode.js';
import type { Graph } from './graph.js';
import { onnxElementTypes, onnxModel } from './onnx-schema.js';

/** A decoded model; what is not named here is passed on as it is. */
export interface ModelFile {
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
  readonly graph: {
    readonly node: readonly FileNode[];
    readonly initializer: readonly FileConstant[];
    readonly input: readonly FileValue[];
    readonly output: readonly FileValue[];
  };
}

export interface FileNode {
  readonly name: string;
  readonly opType: string;
  /** Whose operator it is; not there for ONNX's own. */
  readonly domain?: string;
  /** An empty name stands for an input that the operator was not given. */
  readonly input: readonly string[];
  readonly output: readonly string[];
}

export interface FileConstant {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  /** Little-endian. */
  readonly rawData: Uint8Array;
}

export interface FileValue {
  readonly name: string;
  readonly type?: {
    readonly tensorType: {
      readonly shape: { readonly dim: readonly { readonly dimValue?: number; readonly dimParam?: string }[] };
    };
  };
}

export function decodeModel(bytes: Uint8Array): ModelFile {
  return onnxModel.toObject(onnxModel.decode(bytes), { longs: Number, arrays: true }) as ModelFile;
}

export function encodeModel(model: ModelFile): Uint8Array {
  return onnxModel.encode(onnxModel.fromObject(model)).finish();
}

export function hasOutput({ graph }: ModelFile, name: string): boolean {
  return graph.output.some((output) => output.name === name);
}

/** The nodes and constants of a model, every tensor and node called `rename` of its name. */
export function renamed(
  { graph }: ModelFile,
  rename: (name: string) => string,
): Pick<ModelFile['graph'], 'node' | 'initializer'> {
  const own = (name: string) => (name === '' ? name : rename(name));
  return {
    node: graph.node.map((node) => ({
      ...node,
      name: own(node.name),
      input: node.input.map(own),
      output: node.output.map(own),
    })),
    initializer: graph.initializer.map((constant) => ({ ...constant, name: own(constant.name) })),
  };
}

/**
 * `model` with `tail` behind it. Inputs of the tail are outputs of the model of the same name (asserted). What the tail
 * gives under a name that the model has takes its place; the model's other outputs stay. `stage` names what is done:
 * the tail's own tensors, and outputs that were replaced, are called after it.
 */
export function continueModel(model: ModelFile, tail: Graph, stage: string): ModelFile {
  const last = decodeModel(encodeGraph(tail));
  for (const { name } of last.graph.input)
    assert(hasOutput(model, name), `a model with the output "${name}" to continue`);
  const given = new Set(last.graph.output.map(({ name }) => name));
  const taken = new Set(last.graph.input.map(({ name }) => name));
  const before = (name: string) => `before-${stage}_${name}`;
  const replaced = (name: string) => given.has(name) && hasOutput(model, name);
  const head = renamed(model, (name) => (replaced(name) ? before(name) : name));
  // Names of a graph under construction cannot be those of its outputs, so a name here is one or the other.
  const inputsOfTail = (name: string) => (replaced(name) ? before(name) : name);
  const { node, initializer } = last.graph;
  const own = (name: string) => `${stage}_${name}`;
  const tailNodes = node.map((each) => ({
    ...each,
    name: own(each.name),
    input: each.input.map((name) => (name === '' ? name : taken.has(name) ? inputsOfTail(name) : own(name))),
    output: each.output.map((name) => (given.has(name) ? name : own(name))),
  }));
  return {
    ...model,
    graph: {
      ...model.graph,
      node: [...head.node, ...tailNodes],
      initializer: [...head.initializer, ...initializer.map((each) => ({ ...each, name: own(each.name) }))],
      output: [...model.graph.output, ...last.graph.output.filter(({ name }) => !hasOutput(model, name))],
    },
  };
}

/** A constant of float32, or of int8 where the values are an Int8Array. */
export function fileConstant(
  name: string,
  dims: readonly number[],
  values: Float32Array | Int8Array,
): FileConstant {
  const dataType = onnxElementTypes[values instanceof Int8Array ? 'int8' : 'float32'];
  const rawData = new Uint8Array(values.byteLength);
  const view = new DataView(rawData.buffer);
  values.forEach((value, at) => {
    if (values instanceof Int8Array) view.setInt8(at, value);
    else view.setFloat32(4 * at, value, true);
  });
  return { name, dims, dataType, rawData };
}

/** Adds to what the model says of itself, or changes it. */
export function withMetadata(model: ModelFile, entries: Readonly<Record<string, string>>): ModelFile {
  const all = new Map([
    ...model.metadataProps.map(({ key, value }) => [key, value] as const),
    ...Object.entries(entries),
  ]);
  return { ...model, metadataProps: [...all].map(([key, value]) => ({ key, value })) };
}
