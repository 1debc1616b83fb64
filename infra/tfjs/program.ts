/** An ONNX graph as a list of TensorFlow.js operators, run one after the other. */
import type { LoadedGraph, TensorValue, TensorValues } from '../../model/ports.js';
import { Call, KeptTensors } from './call.js';
import { type OnnxBody, type OnnxInput, type OnnxNode, readOnnx } from './onnx-file.js';
import { type Operator, operatorCalled } from './operators.js';
import type { OpenTfjs, Tf, TfTensor } from './tfjs.js';

interface Step {
  readonly node: OnnxNode;
  readonly operator: Operator;
  readonly body: readonly Step[];
}

/**
 * What depends on constants alone is computed once, here; what no output needs, never. Throws where the graph has an
 * operator or an element type that is not known here.
 */
export function loadProgram(tfjs: OpenTfjs, onnxBytes: Uint8Array): LoadedGraph {
  const { tf } = tfjs;
  const file = readOnnx(onnxBytes);
  const kept = new KeptTensors(tf);
  const constants = new Map<string, TfTensor>();
  for (const { name, values, dims, type } of file.constants)
    constants.set(name, kept.keep(tf.tensor(values, dims, type)));
  const variable = compile(file).filter((step) => {
    const { node } = step;
    if (node.body || !node.inputs.every((name) => name === '' || constants.has(name))) return true;
    tf.tidy(() => {
      runStep(tfjs, step, constants, kept);
      for (const name of node.outputs) if (name !== '') kept.keep(constants.get(name) as TfTensor);
    });
    return false;
  });
  return {
    run: async (feeds) =>
      tf.tidy(() => {
        const values = new Map(constants);
        for (const input of file.inputs) values.set(input.name, feed(tf, input, feeds[input.name]));
        for (const step of variable) runStep(tfjs, step, values, kept);
        return Object.fromEntries(
          file.outputs.map((name) => [name, read(values.get(name) as TfTensor)]),
        ) satisfies TensorValues;
      }),
    close: async () => kept.dispose(),
  };
}

/** The nodes that the outputs need; what nobody reads of theirs is called ''. */
function compile({ nodes, outputs }: Pick<OnnxBody, 'nodes' | 'outputs'>): readonly Step[] {
  const needed = new Set(outputs);
  const steps: Step[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    const body = node.body ? compile(node.body) : [];
    for (const name of [...node.inputs, ...body.flatMap((step) => step.node.inputs)]) needed.add(name);
    steps.push({
      node: { ...node, outputs: node.outputs.map((name) => (needed.has(name) ? name : '')) },
      operator: operatorCalled(node.operator),
      body,
    });
  }
  return steps.reverse();
}

/** Adds the results to `values`. */
function runStep(
  tfjs: OpenTfjs,
  { node, operator, body }: Step,
  values: Map<string, TfTensor>,
  kept: KeptTensors,
): void {
  const inputs = node.inputs.map((name) => values.get(name));
  const runBody = (given: readonly TfTensor[]) => {
    given.forEach((tensor, index) => {
      values.set(node.body?.inputs[index] as string, tensor);
    });
    for (const step of body) runStep(tfjs, step, values, kept);
    return (node.body?.outputs ?? []).map((name) => values.get(name) as TfTensor);
  };
  const results = [operator(new Call(tfjs, node, inputs, kept, runBody))].flat();
  node.outputs.forEach((name, index) => {
    const result = results[index];
    if (result && name !== '') values.set(name, result);
  });
}

function feed(tf: Tf, { name, dims, type }: OnnxInput, value: TensorValue | undefined): TfTensor {
  if (value === undefined) throw new Error(`input "${name}" is missing`);
  const fits =
    value.dims.length === dims.length &&
    dims.every((size, axis) => size === null || size === value.dims[axis]);
  if (!fits)
    throw new Error(`input "${name}": got [${value.dims}], wanted [${dims.map((size) => size ?? '?')}]`);
  const { data } = value;
  if (type === 'float32' && data instanceof Float32Array) return tf.tensor(data, value.dims, type);
  if (type === 'int32' && data instanceof Int32Array) return tf.tensor(data, value.dims, type);
  throw new Error(`input "${name}": got ${data.constructor.name}, wanted ${type}`);
}

/** A copy: the engine's own memory goes with the tensor. */
function read(tensor: TfTensor): TensorValue {
  const data = tensor.dataSync();
  return {
    dims: [...tensor.shape],
    data: data instanceof Float32Array ? Float32Array.from(data) : Int32Array.from(data),
  };
}
