/**
 * What is inside a model file, operator by operator: shapes, learned parameters, operations, memory. Nothing is known of
 * how the file was made: shapes are those that the engine gives for every tensor on two sizes of batch.
 */
import { assert } from '../domain/assert.js';
import {
  decodeModel,
  encodeModel,
  type FileNode,
  type FileValue,
  type ModelFile,
} from './graph/model-file.js';
import { learnedStem } from './network-graph.js';
import { operatorFlops } from './operator-cost.js';
import type { Engine, TensorValues } from './ports.js';

/** A size as a line over the batch B: `fixed + perRow · B`. */
export interface Size {
  readonly fixed: number;
  readonly perRow: number;
}

export interface InspectedOperator {
  /** ONNX's name of it, such as `LSTM`. */
  readonly operator: string;
  /** Dimensions of the tensors it reads and gives, constants and what nobody reads left out. */
  readonly inputs: readonly (readonly Size[])[];
  readonly outputs: readonly (readonly Size[])[];
  /** Learned values among its constants. */
  readonly parameterCount: number;
  readonly flops: Size;
}

export interface Inspection {
  /** In the order of execution; what is computed from constants alone is left out, engines do it once on loading. */
  readonly operators: readonly InspectedOperator[];
  readonly parameterCount: number;
  readonly flops: Size;
  /**
   * The largest sum of tensors that are needed at one time. Of the graph as it is written: an engine that fuses
   * operators or works in place needs less.
   */
  readonly activationBytes: Size;
}

/** Value of a size at a batch. */
export function sizeAt({ fixed, perRow }: Size, batch: number): number {
  return fixed + perRow * batch;
}

/** Throws a WorldError where the engine refuses the model. */
export async function inspectModel(bytes: Uint8Array, engine: Engine): Promise<Inspection> {
  const model = decodeModel(bytes);
  const { node: nodes, initializer } = model.graph;
  const constant = new Set(initializer.map(({ name }) => name));
  const learned = new Map<string, ReadonlySet<string>>(
    initializer.filter(({ name }) => name.includes(learnedStem)).map(({ name }) => [name, new Set([name])]),
  );
  const variable: FileNode[] = [];
  for (const node of nodes) {
    const given = node.input.filter((name) => name !== '');
    if (!given.every((name) => constant.has(name))) {
      variable.push(node);
      continue;
    }
    const parts = new Set(given.flatMap((name) => [...(learned.get(name) ?? [])]));
    for (const name of node.output) {
      constant.add(name);
      // A piece of the parameters is a parameter of its own.
      if (parts.size > 0) learned.set(name, node.opType === 'Split' ? new Set([name]) : parts);
    }
  }

  const two = await runWithAll(model, engine, 2);
  const three = await runWithAll(model, engine, 3);
  const sizes = (name: string): Size[] => {
    const at2 = two[name]?.dims;
    const at3 = three[name]?.dims;
    assert(at2 && at3, `the engine to give "${name}"`);
    return at2.map((each, index) => line(each, at3[index] as number));
  };
  const read = new Set([
    ...nodes.flatMap(({ input }) => input),
    ...model.graph.output.map(({ name }) => name),
  ]);
  const dimsAt = (values: TensorValues, names: readonly string[]) => names.map((name) => values[name]?.dims);
  const operators = variable.map((node): InspectedOperator => {
    const { opType: operator, input, output } = node;
    const flops = (values: TensorValues) =>
      operatorFlops(operator, dimsAt(values, input), dimsAt(values, output));
    const parts = new Set(input.flatMap((name) => [...(learned.get(name) ?? [])]));
    return {
      operator,
      inputs: input.filter((name) => name !== '' && !constant.has(name)).map(sizes),
      outputs: output.filter((name) => read.has(name)).map(sizes),
      parameterCount: [...parts].reduce((sum, name) => sum + elementCount(two, name), 0),
      flops: line(flops(two), flops(three)),
    };
  });
  const sum = (of: (operator: InspectedOperator) => number) =>
    operators.reduce((total, operator) => total + of(operator), 0);
  return {
    operators,
    parameterCount: initializer
      .filter(({ name }) => name.includes(learnedStem))
      .reduce((total, { dims }) => total + dims.reduce((product, each) => product * each, 1), 0),
    flops: { fixed: sum(({ flops }) => flops.fixed), perRow: sum(({ flops }) => flops.perRow) },
    activationBytes: line(
      peakBytes(model, variable, constant, two),
      peakBytes(model, variable, constant, three),
    ),
  };
}

/** The line through (2, `at2`) and (3, `at3`). */
function line(at2: number, at3: number): Size {
  const perRow = at3 - at2;
  return { fixed: at2 - 2 * perRow, perRow };
}

function elementCount(values: TensorValues, name: string): number {
  return values[name]?.data.length ?? 0;
}

/** Runs the model on arbitrary inputs; gives every tensor in it, inputs and constants too. */
async function runWithAll(model: ModelFile, engine: Engine, batch: number): Promise<TensorValues> {
  const { graph } = model;
  const names = new Set(graph.output.map(({ name }) => name));
  const inner = graph.node.flatMap(({ output }) => output).filter((name) => name !== '' && !names.has(name));
  const bare = {
    ...model,
    graph: { ...graph, output: [...graph.output, ...inner.map((name) => ({ name }))] },
  };
  const loaded = await engine.load(encodeModel(bare));
  const feeds = () => Object.fromEntries(graph.input.map((input) => [input.name, anyValue(input, batch)]));
  try {
    const outputs = await loaded.run(feeds());
    const constants = graph.initializer.map(({ name, dims }) => {
      const length = dims.reduce((product, each) => product * each, 1);
      return [name, { dims, data: new Float32Array(length) }] as const;
    });
    return { ...Object.fromEntries(constants), ...feeds(), ...outputs };
  } finally {
    await loaded.close();
  }
}

/** Values that a sensor might give, the same on every call; a dimension without a size is the batch. */
export function anyValue({ type }: FileValue, batch: number) {
  const dims = (type?.tensorType.shape.dim ?? []).map(({ dimParam, dimValue }) =>
    dimParam ? batch : (dimValue ?? 1),
  );
  const length = dims.reduce((product, each) => product * each, 1);
  return { dims, data: Float32Array.from({ length }, (_, index) => Math.sin(index)) };
}

/** Sum of the tensors that are alive at once, from their making to their last reading; outputs live to the end. */
function peakBytes(
  { graph }: ModelFile,
  nodes: readonly FileNode[],
  constant: ReadonlySet<string>,
  values: TensorValues,
): number {
  const bytes = (name: string) => values[name]?.data.byteLength ?? 0;
  const lastRead = new Map<string, number>();
  nodes.forEach(({ input }, at) => {
    for (const name of input) if (!constant.has(name)) lastRead.set(name, at);
  });
  for (const { name } of graph.output) lastRead.set(name, nodes.length);
  const dying = new Map<number, string[]>();
  for (const [name, at] of lastRead) dying.set(at, [...(dying.get(at) ?? []), name]);
  let alive = graph.input.reduce((sum, { name }) => sum + bytes(name), 0);
  let peak = alive;
  nodes.forEach(({ output }, at) => {
    for (const name of output) if (name !== '') alive += bytes(name);
    peak = Math.max(peak, alive);
    for (const name of output) if (name !== '' && !lastRead.has(name)) alive -= bytes(name);
    for (const name of dying.get(at) ?? []) alive -= bytes(name);
  });
  return peak;
}
