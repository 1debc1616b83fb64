/**
 * Several networks as one: their model files side by side in one graph, its outputs the means of theirs. It knows
 * nothing of what is inside the members, so that networks of any kind can be joined that read the same windows.
 *
 * Failure probabilities are averaged as they are (a linear pool): the mean of curves in [0, 1] that never fall is one
 * again, and its Brier score on any rows is at most the mean of the members' (the score is convex).
 */
import { z } from 'zod';
import { assert } from '../domain/assert.js';
import { onnxElementTypes, onnxModel } from './graph/onnx-schema.js';
import { type Preprocessing, preprocessingSchema } from './preprocessing.js';

/** preprocessing.json of an ensemble: every member standardises by its own training machines. */
export const ensemblePreprocessingSchema = z.strictObject({
  formatVersion: z.literal(1),
  spec: preprocessingSchema.shape.spec,
  members: z.array(preprocessingSchema).min(1),
});
export type EnsemblePreprocessing = z.output<typeof ensemblePreprocessingSchema>;

/** What preprocessing.json may hold. */
export type StoredPreprocessing = Preprocessing | EnsemblePreprocessing;

export const ensembleFamily = 'ensemble';

export function isEnsembleVersion(version: string): boolean {
  return version.startsWith(`${ensembleFamily}-`);
}

/** The part of a decoded model that joining needs; the rest is passed on as it is. */
interface ModelFile {
  readonly metadataProps?: readonly { readonly key: string; readonly value: string }[];
  readonly graph: {
    readonly node: readonly GraphNode[];
    readonly initializer: readonly GraphConstant[];
    readonly input: readonly { readonly name: string }[];
    readonly output: readonly { readonly name: string }[];
  };
}

interface GraphConstant {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData: Uint8Array;
}

interface GraphNode {
  readonly name: string;
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
}

/**
 * Joins models of buildForecast, or of this function, that have the same inputs (asserted). An output that one of
 * them lacks is left out. The same models in the same order give the same bytes.
 */
export function joinForecasts(
  models: readonly Uint8Array[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const files = models.map(
    (bytes) => onnxModel.toObject(onnxModel.decode(bytes), { longs: Number, arrays: true }) as ModelFile,
  );
  const [first] = files;
  assert(first, 'at least one model to join');
  const inputs = JSON.stringify(first.graph.input);
  const isShared = new Set(first.graph.input.map(({ name }) => name));
  for (const { graph } of files) assert(JSON.stringify(graph.input) === inputs, 'models with equal inputs');
  const outputs = first.graph.output.filter(({ name }) =>
    files.every(({ graph }) => graph.output.some((other) => other.name === name)),
  );

  const nodes: GraphNode[] = [];
  const constants: GraphConstant[] = [
    { name: 'members', dims: [], dataType: onnxElementTypes.float32, rawData: float32Bytes(files.length) },
  ];
  files.forEach(({ graph }, member) => {
    const own = (name: string) => (name === '' || isShared.has(name) ? name : `member${member}_${name}`);
    for (const node of graph.node)
      nodes.push({
        ...node,
        name: own(node.name),
        input: node.input.map(own),
        output: node.output.map(own),
      });
    for (const constant of graph.initializer) constants.push({ ...constant, name: own(constant.name) });
  });
  for (const { name } of outputs) {
    const sum = `sum_${name}`;
    const parts = files.map((_, member) => `member${member}_${name}`);
    nodes.push({ name: sum, opType: 'Sum', input: parts, output: [sum] });
    // Divided, not multiplied by the reciprocal: the mean of ones is one.
    nodes.push({ name: `mean_${name}`, opType: 'Div', input: [sum, 'members'], output: [name] });
  }
  const joined = {
    ...first,
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: { ...first.graph, node: nodes, initializer: constants, output: outputs },
  };
  return onnxModel.encode(onnxModel.fromObject(joined)).finish();
}

function float32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytes;
}
