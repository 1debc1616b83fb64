/** Graph → bytes of an ONNX model that any ONNX runtime of opset 17 or newer runs. */
import { Buffer } from 'node:buffer';
import type {
  Attribute,
  ElementType,
  Graph,
  GraphBody,
  GraphConstant,
  GraphNode,
  Precision,
  Tensor,
} from './graph.js';
import { onnxAttributeTypes, onnxElementTypes, onnxModel } from './onnx-schema.js';

/** Opset 17 is ONNX 1.12 (2022): every runtime in use has it. */
const opsetVersion = 17;
const irVersion = 8;

/** `metadata` is stored in the model and travels with it. The same graph gives the same bytes. */
export function encodeGraph(graph: Graph, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const model = {
    irVersion,
    producerName: 'millwright',
    opsetImport: [{ domain: '', version: opsetVersion }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: 'millwright',
      node: [
        ...graph.nodes.map((node) => encodeNode(node, graph.precision)),
        // An output keeps the name that its user knows, whatever the tensor behind it is called.
        ...graph.outputs.map(({ name, tensor }) => ({
          input: [tensor.name],
          output: [name],
          name: `${name}_named`,
          opType: 'Identity',
          attribute: [],
        })),
      ],
      initializer: graph.constants.map((constant) => encodeConstant(constant, graph.precision)),
      input: graph.inputs.map((tensor) => valueInfo(tensor.name, tensor, graph.precision)),
      output: graph.outputs.map(({ name, tensor }) => valueInfo(name, tensor, graph.precision)),
    },
  };
  return onnxModel.encode(onnxModel.fromObject(model)).finish();
}

function encodeNode(node: GraphNode, precision: Precision) {
  return {
    input: node.inputs,
    output: node.outputs,
    name: node.outputs[0],
    opType: node.operator,
    attribute: Object.entries(node.attributes).map(([name, value]) =>
      encodeAttribute(name, value, precision),
    ),
  };
}

function encodeBody({ inputs, nodes, outputs }: GraphBody, precision: Precision): object {
  const values = (tensors: readonly Tensor[]) =>
    tensors.map((tensor) => valueInfo(tensor.name, tensor, precision));
  return {
    name: 'body',
    node: nodes.map((node) => encodeNode(node, precision)),
    input: values(inputs),
    output: values(outputs),
  };
}

function elementCode(type: ElementType, precision: Precision): number {
  return onnxElementTypes[type === 'float' ? precision : type];
}

function valueInfo(name: string, tensor: Tensor, precision: Precision) {
  return {
    name,
    type: {
      tensorType: {
        elemType: elementCode(tensor.type, precision),
        shape: {
          dim: tensor.dims.map((each) =>
            each.size === null ? { dimParam: each.name } : { dimValue: each.size },
          ),
        },
      },
    },
  };
}

function encodeAttribute(name: string, value: Attribute, precision: Precision) {
  if ('int' in value) return { name, i: value.int, type: onnxAttributeTypes.int };
  if ('float' in value) return { name, f: value.float, type: onnxAttributeTypes.float };
  if ('ints' in value) return { name, ints: value.ints, type: onnxAttributeTypes.ints };
  if ('body' in value) return { name, g: encodeBody(value.body, precision), type: onnxAttributeTypes.graph };
  return { name, s: Buffer.from(value.text), type: onnxAttributeTypes.text };
}

function encodeConstant({ name, dims, type, values }: GraphConstant, precision: Precision) {
  return { name, dims, dataType: elementCode(type, precision), rawData: rawBytes(values, type, precision) };
}

/** Little-endian, as the format wants it on every machine. */
function rawBytes(values: ArrayLike<number>, type: ElementType, precision: Precision): Uint8Array {
  const kind = type === 'float' ? precision : type;
  const width = { float32: 4, float64: 8, int32: 4, int64: 8, bool: 1 }[kind];
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (kind === 'float32') view.setFloat32(4 * i, value, true);
    else if (kind === 'float64') view.setFloat64(8 * i, value, true);
    else if (kind === 'int32') view.setInt32(4 * i, value, true);
    else if (kind === 'int64') view.setBigInt64(8 * i, BigInt(value), true);
    else view.setUint8(i, value);
  }
  return bytes;
}
