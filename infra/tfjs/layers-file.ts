/** A network as a folder that TensorFlow.js loads with `tf.loadLayersModel`, and back: model.json and weights.bin. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../domain/errors.js';
import type { StoredNetwork } from '../../model/explanation/stored-networks.js';
import { type NetworkShape, networkLayout } from '../../model/network.js';
import { joinParameters, sliceParameters } from '../../model/parameters.js';
import { inputSize, type Preprocessing, preprocessingSchema } from '../../model/preprocessing.js';
import {
  inputNames,
  type Layer,
  type LayersShape,
  layersOfNetwork,
  paddingValue,
  reorderBlocks,
} from './layers.js';

const shapeSchema = z.object({
  cell: z.enum(['lstm', 'rnn']),
  layers: z.number().int().min(1).max(3),
  normalization: z.enum(['none', 'layer']),
  task: z.enum(['dense', 'many-to-one']),
  hiddenSize: z.number().int().min(1).max(1024),
});

/** What the file says of itself to whoever imports it again. TensorFlow.js keeps it when it loads and saves a model. */
const noteSchema = z.object({ network: shapeSchema, preprocessing: preprocessingSchema });

const fileSchema = z.object({
  modelTopology: z.object({
    class_name: z.literal('Sequential'),
    config: z.object({
      layers: z.array(z.object({ class_name: z.string(), config: z.record(z.string(), z.unknown()) })),
    }),
  }),
  weightsManifest: z.array(
    z.object({
      paths: z.array(z.string().regex(/^[\w.-]+$/, 'the name of a file beside it')),
      weights: z.array(
        z.object({
          name: z.string(),
          shape: z.array(z.number().int().min(0)),
          dtype: z.literal('float32'),
          quantization: z.undefined().optional(),
        }),
      ),
    }),
  ),
  userDefinedMetadata: z.object({ millwright: noteSchema }),
});
type LayersFile = z.output<typeof fileSchema>;

/**
 * Writes the folder, which must not exist; gives its bytes. Throws UserError for a network that TensorFlow.js has no
 * layers for. A second task, such as the remaining life, is left out.
 */
export async function writeLayersModel(
  { shape, preprocessing, parameters }: StoredNetwork,
  directory: string,
): Promise<number> {
  const network = shapeForLayers(shape);
  const layers = layersOfNetwork(network, preprocessing);
  const byName = sliceParameters(parameters, networkLayout(shape));
  const weights = layers.flatMap((layer) => layer.weights);
  const values = weights.map((weight) => {
    if ('fixed' in weight) return weight.fixed;
    const own = byName.get(weight.parameter) as Float32Array;
    return weight.blocks ? reorderBlocks(own, weight.dims.at(-1) as number, weight.blocks, false) : own;
  });
  const model = JSON.stringify({
    modelTopology: {
      class_name: 'Sequential',
      config: {
        name: 'millwright',
        layers: layers.map(({ className, config }) => ({ class_name: className, config })),
      },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: weights.map(({ name, dims }) => ({ name, shape: dims, dtype: 'float32' })),
      },
    ],
    format: 'layers-model',
    generatedBy: 'millwright',
    userDefinedMetadata: {
      millwright: {
        reads: `[batch, ${preprocessing.spec.windowSteps} steps, ${inputSize(preprocessing)} inputs], oldest step first, each standardised as \`preprocessing\` says; all ${paddingValue} at steps before the series begins`,
        inputs: inputNames(preprocessing),
        network,
        preprocessing,
      },
    },
  });
  await mkdir(directory);
  const bytes = Buffer.concat(
    values.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
  await writeFile(join(directory, 'weights.bin'), bytes);
  await writeFile(join(directory, 'model.json'), model);
  return bytes.length + Buffer.byteLength(model);
}

function shapeForLayers(shape: NetworkShape): LayersShape {
  const { cell, task, layers, normalization, hiddenSize } = shape;
  const refused = (what: string) =>
    new UserError(
      `TensorFlow.js has no layers for this network: ${what}. Export it as ONNX: \`--format onnx\`.`,
    );
  if (cell === 'gru')
    throw refused('its GRU applies the reset gate before the recurrent product, ours after it');
  if (task !== 'dense' && task !== 'many-to-one')
    throw refused(`the task ${task} cannot be told in its layers`);
  return { cell, task, layers, normalization, hiddenSize };
}

/**
 * Reads such a folder, whoever wrote it last. Throws UserError, naming what differs, unless it is the network that was
 * exported, with weights of its own.
 */
export async function readLayersModel(directory: string): Promise<StoredNetwork> {
  const fault = (what: string, cause?: unknown) =>
    new UserError(`The TensorFlow.js model in ${directory} cannot be imported: ${what}.`, { cause });
  const file = await readModelJson(directory, fault);
  const { network, preprocessing } = file.userDefinedMetadata.millwright;
  const layers = layersOfNetwork(network, preprocessing);
  const difference = differenceOf(file, layers);
  if (difference !== undefined)
    throw fault(`${difference}; only the network that was exported fits its preprocessing`);
  const values = await readWeights(directory, file, fault);

  const byName = new Map<string, Float32Array>();
  for (const weight of layers.flatMap((layer) => layer.weights)) {
    const own = values.get(weight.name);
    const count = weight.dims.reduce((product, size) => product * size, 1);
    if (own?.length !== count)
      throw fault(
        `weights "${weight.name}" have ${own?.length ?? 'no'} values, wanted ${count} [${weight.dims}]`,
      );
    if (!own.every(Number.isFinite)) throw fault(`weights "${weight.name}" are not all finite`);
    if (!('fixed' in weight))
      byName.set(
        weight.parameter,
        weight.blocks ? reorderBlocks(own, weight.dims.at(-1) as number, weight.blocks, true) : own,
      );
    else if (own.some((value, index) => value !== weight.fixed[index]))
      throw fault(
        `weights "${weight.name}" were changed: they make the curve of the hazards and must stay as they were`,
      );
  }
  const shape = shapeOf(network, preprocessing);
  return { shape, preprocessing, parameters: joinParameters(byName, networkLayout(shape)) };
}

type Fault = (what: string, cause?: unknown) => UserError;

async function readModelJson(directory: string, fault: Fault): Promise<LayersFile> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(directory, 'model.json'), 'utf8'));
  } catch (cause) {
    throw fault(`model.json cannot be read (${String(cause)})`, cause);
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw fault(
    path.startsWith('userDefinedMetadata')
      ? 'it does not say that Millwright exported it (userDefinedMetadata.millwright), so nothing tells how its inputs are made'
      : `model.json is not as it should be at ${path || 'its top'}: ${issue?.message}`,
  );
}

/** A phrase, or undefined where the layers of the file do what ours do. */
function differenceOf(file: LayersFile, layers: readonly Layer[]): string | undefined {
  const found = file.modelTopology.config.layers;
  if (found.length !== layers.length) return `it has ${found.length} layers, wanted ${layers.length}`;
  for (const [index, { className, config }] of layers.entries()) {
    const other = found[index]!;
    if (other.class_name !== className)
      return `layer ${index + 1} is a ${other.class_name}, wanted ${className}`;
    for (const [key, wanted] of Object.entries(config))
      if (key !== 'trainable' && JSON.stringify(other.config[key]) !== JSON.stringify(wanted))
        return `layer ${config.name} has ${key} ${JSON.stringify(other.config[key])}, wanted ${JSON.stringify(wanted)}`;
  }
  return undefined;
}

async function readWeights(
  directory: string,
  file: LayersFile,
  fault: Fault,
): Promise<ReadonlyMap<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { paths, weights } of file.weightsManifest) {
    const parts: Buffer[] = [];
    for (const path of paths)
      parts.push(
        await readFile(join(directory, path)).catch((cause) => {
          throw fault(`${path} cannot be read (${String(cause)})`, cause);
        }),
      );
    const bytes = Buffer.concat(parts);
    let offset = 0;
    for (const { name, shape } of weights) {
      const end = offset + 4 * shape.reduce((product, size) => product * size, 1);
      if (end > bytes.length) throw fault(`${paths.join(', ')} end within the weights "${name}"`);
      values.set(name, new Float32Array(Uint8Array.from(bytes.subarray(offset, end)).buffer));
      offset = end;
    }
  }
  return values;
}

function shapeOf(network: LayersShape, preprocessing: Preprocessing): NetworkShape {
  const { horizonSteps } = preprocessing.spec;
  return {
    ...network,
    inputSize: inputSize(preprocessing),
    horizonSteps,
    remainingLife: false,
    firstLogits: new Array<number>(horizonSteps).fill(0),
  };
}
