/**
 * The networks inside a model file, as they were before they were made for serving: what can be differentiated, and looked
 * into gate by gate. The file's metadata says which they are, its constants hold their parameters.
 */
import { z } from 'zod';
import { UserError } from '../../domain/errors.js';
import type { ReadArtifact } from '../artifact.js';
import { decodeModel, type FileConstant } from '../graph/model-file.js';
import { onnxElementTypes } from '../graph/onnx-schema.js';
import { type NetworkShape, networkLayout } from '../network.js';
import { learnedStem } from '../network-graph.js';
import { networkShapesKey } from '../network-metadata.js';
import { parameterCount } from '../parameters.js';
import type { Preprocessing } from '../preprocessing.js';

export interface StoredNetwork {
  readonly shape: NetworkShape;
  /** [P] in the order of networkLayout. */
  readonly parameters: Float32Array;
  readonly preprocessing: Preprocessing;
}

/** The part of an artifact that holds the networks. */
export type ModelContents = Pick<ReadArtifact, 'version' | 'model' | 'preprocessing'>;

const shapesSchema = z.array(z.custom<NetworkShape>((value) => typeof value === 'object' && value !== null));

/**
 * One network, or the members of an ensemble in their order. UserError where the file does not say which it holds
 * (written by an older version), or where its weights are no longer those of training (quantised).
 */
export function readNetworks({ version, model, preprocessing }: ModelContents): readonly StoredNetwork[] {
  const { metadataProps, graph } = decodeModel(model);
  const text = metadataProps.find(({ key }) => key === networkShapesKey)?.value;
  const refuse = (why: string) =>
    new UserError(
      `The networks in ${version} cannot be looked into: ${why}. Train it again with \`millwright train\`, and take that.`,
    );
  if ('network' in preprocessing) throw refuse('it forecasts values, not failures');
  if (text === undefined) throw refuse('its file does not say which network it holds');
  const shapes = shapesSchema.parse(JSON.parse(text));
  // Its known future and its last visit are no inputs of a step, so there is no line to integrate along.
  if (shapes.some(({ task }) => task === 'day-decoder'))
    throw new UserError(
      `${version} cannot be explained: explanations do not know networks with \`task: day-decoder\`.`,
    );
  const learned = graph.initializer.filter(({ name }) => name.includes(learnedStem));
  const each = 'members' in preprocessing ? preprocessing.members : [preprocessing];
  return shapes.map((shape, index) => {
    const parameters = floatsOf(learned[index]);
    const own = each[index];
    if (!own || parameters?.length !== parameterCount(networkLayout(shape)))
      throw refuse('its weights are not those of training any more (it may have been quantised)');
    return { shape, parameters, preprocessing: own };
  });
}

type StoredConstant = FileConstant & { readonly dataType: number; readonly rawData: Uint8Array };

function floatsOf(constant: FileConstant | undefined): Float32Array | undefined {
  const { dataType, rawData } = (constant ?? {}) as Partial<StoredConstant>;
  if (dataType !== onnxElementTypes.float32 || !rawData) return undefined;
  // A copy: the file's bytes need not be aligned.
  return new Float32Array(Uint8Array.from(rawData).buffer);
}
