/**
 * LSTM layers of a served model in int8: weights as 8-bit integers with a scale for every gate of every unit, inputs and
 * states brought to 8 bits as they come (ONNX Runtime's DynamicQuantizeLSTM). All else stays in float32.
 *
 * Weights use 7 of the 8 bits: on processors without VNNI a pair of 8-bit products overflows the 16 bits it is added in,
 * and the model would give other curves there. Inputs are scaled by the largest value in the whole batch, so that a
 * window's curve depends, in its last digits, on which windows are forecast with it.
 */
import { assert } from '../domain/assert.js';
import { foldConstants } from './fold-constants.js';
import {
  decodeModel,
  encodeModel,
  type FileConstant,
  type FileNode,
  fileConstant,
  type ModelFile,
} from './graph/model-file.js';
import { learnedStem } from './network-graph.js';
import type { Engine, TensorValue } from './ports.js';

const largest = 63;
const vendor = 'com.microsoft';

/** undefined where the model has no LSTM: the engine has int8 operators for no other cell. */
export async function quantizeModel(bytes: Uint8Array, engine: Engine): Promise<Uint8Array | undefined> {
  const { model, values } = await foldConstants(decodeModel(bytes), engine);
  if (!model.graph.node.some(({ opType }) => opType === 'LSTM')) return undefined;
  const added = new Map<string, FileConstant>();
  const node = model.graph.node.map((each) =>
    each.opType === 'LSTM'
      ? quantizeLstm(each, values, (constant) => added.set(constant.name, constant))
      : each,
  );
  const used = new Set(node.flatMap(({ input }) => input));
  const quantized: ModelFile = {
    ...model,
    opsetImport: [
      ...model.opsetImport.filter(({ domain }) => domain !== vendor),
      { domain: vendor, version: 1 },
    ],
    graph: {
      ...model.graph,
      node,
      initializer: [...model.graph.initializer, ...added.values()].filter(({ name }) => used.has(name)),
    },
  };
  return encodeModel(quantized);
}

/** Inputs of LSTM: x, weights, recurrent weights, bias, lengths, first states, peepholes; int8 adds scales and zeros. */
function quantizeLstm(
  node: FileNode,
  values: ReadonlyMap<string, TensorValue>,
  add: (constant: FileConstant) => void,
): FileNode {
  const [x = '', weights = '', recurrent = '', ...rest] = node.input;
  const quantized = [weights, recurrent].map((name) => {
    const value = values.get(name);
    assert(value, `the LSTM "${node.name}" to have constant weights`);
    return quantizeWeights(name, value);
  });
  for (const { constants } of quantized) for (const constant of constants) add(constant);
  const [w, r] = quantized.map(({ constants }) => constants.map(({ name }) => name)) as [string[], string[]];
  const padded = Array.from({ length: 5 }, (_, at) => rest[at] ?? '');
  return {
    ...node,
    opType: 'DynamicQuantizeLSTM',
    domain: vendor,
    input: [x, w[0]!, r[0]!, ...padded, w[1]!, w[2]!, r[1]!, r[2]!],
  };
}

/** [directions, 4H, I] → [directions, I, 4H] in int8, with scales and zero points [directions, 4H]. */
function quantizeWeights(name: string, { dims, data }: TensorValue) {
  const [directions = 1, gates = 1, inputs = 1] = dims;
  const scales = new Float32Array(directions * gates);
  const transposed = new Int8Array(data.length);
  for (let row = 0; row < directions * gates; row++) {
    const direction = Math.floor(row / gates);
    const at = (input: number) => data[row * inputs + input] as number;
    let most = 0;
    for (let input = 0; input < inputs; input++) most = Math.max(most, Math.abs(at(input)));
    const scale = most > 0 ? most / largest : 1;
    scales[row] = scale;
    for (let input = 0; input < inputs; input++)
      transposed[(direction * inputs + input) * gates + (row % gates)] = Math.round(at(input) / scale);
  }
  // Only the weights themselves are learned parameters, and called so.
  const plain = name.replaceAll(learnedStem, 'weights');
  return {
    constants: [
      fileConstant(`${name}_int8`, [directions, inputs, gates], transposed),
      fileConstant(`${plain}_scale`, [directions, gates], scales),
      fileConstant(`${plain}_zero`, [directions, gates], new Int8Array(directions * gates)),
    ],
  };
}
