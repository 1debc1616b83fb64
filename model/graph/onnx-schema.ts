/**
 * The part of onnx.proto (ONNX 1.16, IR version 8) that our graphs need, for protobufjs. Field numbers are the
 * format's; what we never write is left out.
 * Source: https://github.com/onnx/onnx/blob/v1.16.0/onnx/onnx.proto
 */
import protobuf from 'protobufjs';

type Fields = Record<string, { id: number; type: string; rule?: 'repeated' }>;

const message = (fields: Fields) => ({ fields });
const many = (id: number, type: string) => ({ id, type, rule: 'repeated' as const });

const root = protobuf.Root.fromJSON({
  nested: {
    Model: message({
      irVersion: { id: 1, type: 'int64' },
      producerName: { id: 2, type: 'string' },
      producerVersion: { id: 3, type: 'string' },
      graph: { id: 7, type: 'Graph' },
      opsetImport: many(8, 'OperatorSet'),
      metadataProps: many(14, 'Entry'),
    }),
    OperatorSet: message({ domain: { id: 1, type: 'string' }, version: { id: 2, type: 'int64' } }),
    Entry: message({ key: { id: 1, type: 'string' }, value: { id: 2, type: 'string' } }),
    Graph: message({
      node: many(1, 'Node'),
      name: { id: 2, type: 'string' },
      initializer: many(5, 'TensorValue'),
      input: many(11, 'ValueInfo'),
      output: many(12, 'ValueInfo'),
    }),
    Node: message({
      input: many(1, 'string'),
      output: many(2, 'string'),
      name: { id: 3, type: 'string' },
      opType: { id: 4, type: 'string' },
      attribute: many(5, 'Attribute'),
      domain: { id: 7, type: 'string' },
    }),
    Attribute: message({
      name: { id: 1, type: 'string' },
      f: { id: 2, type: 'float' },
      i: { id: 3, type: 'int64' },
      s: { id: 4, type: 'bytes' },
      g: { id: 6, type: 'Graph' },
      ints: many(8, 'int64'),
      type: { id: 20, type: 'int32' },
    }),
    TensorValue: message({
      dims: many(1, 'int64'),
      dataType: { id: 2, type: 'int32' },
      name: { id: 8, type: 'string' },
      rawData: { id: 9, type: 'bytes' },
    }),
    ValueInfo: message({ name: { id: 1, type: 'string' }, type: { id: 2, type: 'Type' } }),
    Type: message({ tensorType: { id: 1, type: 'TensorType' } }),
    TensorType: message({ elemType: { id: 1, type: 'int32' }, shape: { id: 2, type: 'Shape' } }),
    Shape: message({ dim: many(1, 'ShapeDim') }),
    ShapeDim: message({ dimValue: { id: 1, type: 'int64' }, dimParam: { id: 2, type: 'string' } }),
  },
});

/** ModelProto. */
export const onnxModel = root.lookupType('Model');

/** TensorProto.DataType. */
export const onnxElementTypes = { float32: 1, int8: 3, int32: 6, int64: 7, bool: 9, float64: 11 } as const;
/** AttributeProto.AttributeType. */
export const onnxAttributeTypes = { float: 1, int: 2, text: 3, graph: 5, ints: 7 } as const;
