/**
 * Replaces what a model computes from constants alone by what comes out. Engines do so whenever they load a model; doing
 * it once makes the file smaller, and shows the weights that operators really read.
 */
import { assert } from '../domain/assert.js';
import { encodeModel, type FileNode, fileConstant, type ModelFile } from './graph/model-file.js';
import { learnedStem } from './network-graph.js';
import { type Engine, outputOf, type TensorValue } from './ports.js';

export interface Folded {
  readonly model: ModelFile;
  /** Values of the constants of float32 that were computed, by name. */
  readonly values: ReadonlyMap<string, TensorValue>;
}

/**
 * Names of tensors stay, except that what comes of learned parameters is called after them. Only floating-point results
 * are replaced; others, such as shapes, are left to the engine.
 */
export async function foldConstants(model: ModelFile, engine: Engine): Promise<Folded> {
  const { graph } = model;
  const { constant, learned } = constantTensors(model);
  const folded = graph.node.filter(({ output }) => constant.has(output[0] ?? ''));
  const others = graph.node.filter((node) => !folded.includes(node));
  const read = new Set(others.flatMap(({ input }) => input));
  const wanted = folded.flatMap(({ output }) => output).filter((name) => read.has(name));
  const computed = await compute(model, folded, wanted, engine);

  const values = new Map<string, TensorValue>();
  const rename = new Map<string, string>();
  for (const name of wanted) {
    const value = outputOf(computed, name);
    assert(value.data instanceof Float32Array, `a folded "${name}" of float32`);
    const called = learned.has(name) ? `${learnedStem}_${name}` : name;
    rename.set(name, called);
    values.set(called, value);
  }
  const node = others.map((each) => ({
    ...each,
    input: each.input.map((name) => rename.get(name) ?? name),
  }));
  const used = new Set(node.flatMap(({ input }) => input));
  const initializer = [
    ...graph.initializer.filter(({ name }) => used.has(name)),
    ...[...values].map(([name, { dims, data }]) => fileConstant(name, dims, data as Float32Array)),
  ];
  return { model: { ...model, graph: { ...graph, node, initializer } }, values };
}

/** Tensors that depend on no input, and those of them that learned parameters went into. */
export function constantTensors({ graph }: ModelFile): {
  readonly constant: ReadonlySet<string>;
  readonly learned: ReadonlySet<string>;
} {
  const constant = new Set(graph.initializer.map(({ name }) => name));
  const learned = new Set([...constant].filter((name) => name.includes(learnedStem)));
  for (const { input, output } of graph.node) {
    const given = input.filter((name) => name !== '');
    if (!given.every((name) => constant.has(name))) continue;
    for (const name of output) {
      constant.add(name);
      if (given.some((each) => learned.has(each))) learned.add(name);
    }
  }
  return { constant, learned };
}

async function compute(
  model: ModelFile,
  node: readonly FileNode[],
  wanted: readonly string[],
  engine: Engine,
) {
  if (wanted.length === 0) return {};
  const output = wanted.map((name) => ({ name }));
  const loaded = await engine.load(
    encodeModel({ ...model, graph: { ...model.graph, node, input: [], output } }),
  );
  try {
    return await loaded.run({});
  } finally {
    await loaded.close();
  }
}
