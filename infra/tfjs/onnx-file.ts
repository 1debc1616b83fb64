/** Reads the bytes of a graph (model/graph/encode.ts) into what TensorFlow.js can hold: it knows no int64, no float64. */
import { Buffer } from 'node:buffer';
import { onnxAttributeTypes, onnxElementTypes, onnxModel } from '../../model/graph/onnx-schema.js';
import type { TfType } from './tfjs.js';

export interface OnnxNode {
  readonly operator: string;
  /** '': not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, number | string | readonly number[]>;
  /** Of Scan: what it runs at each step. It sees the tensors of the graph around it; no name is used twice. */
  readonly body?: OnnxBody;
}

export interface OnnxBody {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface OnnxConstant {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: TfType;
  readonly values: Float32Array | Int32Array | Uint8Array;
}

export interface OnnxInput {
  readonly name: string;
  readonly type: TfType;
  /** null: any size. */
  readonly dims: readonly (number | null)[];
}

export interface OnnxFile {
  /** In an order in which they can be run. */
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly string[];
}

interface RawAttribute {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly ints: readonly number[];
  readonly g?: RawBody;
}

interface RawNode {
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly RawAttribute[];
}

interface RawBody {
  readonly node: readonly RawNode[];
  readonly input: readonly { readonly name: string }[];
  readonly output: readonly { readonly name: string }[];
}

interface RawModel {
  readonly graph: Omit<RawBody, 'input'> & {
    readonly initializer: readonly {
      readonly name: string;
      readonly dims: readonly number[];
      readonly dataType: number;
      readonly rawData: Uint8Array;
    }[];
    readonly input: readonly {
      readonly name: string;
      readonly type: {
        readonly tensorType: {
          readonly elemType: number;
          readonly shape: { readonly dim: readonly { readonly dimValue?: number }[] };
        };
      };
    }[];
  };
}

const typeNames = new Map<number, string>(
  Object.entries(onnxElementTypes).map(([name, code]) => [code, name]),
);

/** ONNX's code of an element type → the type that stands for it here. Throws where there is none. */
export function typeOfCode(code: number): TfType {
  const name = typeNames.get(code);
  if (name === 'float32' || name === 'int32' || name === 'bool') return name;
  if (name === 'int64') return 'int32';
  throw new Error(`TensorFlow.js has no element type ${name ?? code}`);
}

export function readOnnx(bytes: Uint8Array): OnnxFile {
  const { graph } = onnxModel.toObject(onnxModel.decode(bytes), { longs: Number, arrays: true }) as RawModel;
  return {
    nodes: graph.node.map(readNode),
    constants: graph.initializer.map(({ name, dims, dataType, rawData }) => ({
      name,
      dims,
      type: typeOfCode(dataType),
      values: elements(dataType, rawData),
    })),
    inputs: graph.input.map(({ name, type: { tensorType } }) => ({
      name,
      type: typeOfCode(tensorType.elemType),
      dims: tensorType.shape.dim.map(({ dimValue }) => dimValue ?? null),
    })),
    outputs: graph.output.map(({ name }) => name),
  };
}

function readNode({ opType, input, output, attribute }: RawNode): OnnxNode {
  const body = attribute.find(({ g }) => g)?.g;
  const others = attribute.filter(({ g }) => !g);
  return {
    operator: opType,
    inputs: input,
    outputs: output,
    attributes: new Map(others.map((each) => [each.name, attributeValue(each)])),
    ...(body && {
      body: {
        nodes: body.node.map(readNode),
        inputs: body.input.map(({ name }) => name),
        outputs: body.output.map(({ name }) => name),
      },
    }),
  };
}

function attributeValue({ name, type, f, i, s, ints }: RawAttribute): number | string | readonly number[] {
  if (type === onnxAttributeTypes.int) return i ?? 0;
  if (type === onnxAttributeTypes.float) return f ?? 0;
  if (type === onnxAttributeTypes.ints) return ints;
  if (type === onnxAttributeTypes.text) return Buffer.from(s ?? []).toString();
  throw new Error(`attribute "${name}" is of a type (${type}) that our graphs do not have`);
}

function elements(code: number, raw: Uint8Array): Float32Array | Int32Array | Uint8Array {
  const { buffer } = Uint8Array.from(raw);
  if (code === onnxElementTypes.float32) return new Float32Array(buffer);
  if (code === onnxElementTypes.int64) return Int32Array.from(new BigInt64Array(buffer), Number);
  if (code === onnxElementTypes.int32) return new Int32Array(buffer);
  return new Uint8Array(buffer);
}
