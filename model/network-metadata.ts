/** What a model file says of the networks in it, so that they can be told, and differentiated, without the training. */
import { decodeModel } from './graph/model-file.js';
import type { NetworkShape } from './network.js';

/** Key of the file's metadata: a JSON list of NetworkShape, one per network in the order of their parameters. */
export const networkShapesKey = 'millwright.networks';

export function networkMetadata(shapes: readonly NetworkShape[]): Readonly<Record<string, string>> {
  return { [networkShapesKey]: JSON.stringify(shapes) };
}

/** What an ensemble says of its members; nothing where one of them, of an older version, does not tell. */
export function joinedMetadata(models: readonly Uint8Array[]): Readonly<Record<string, string>> {
  const shapes = models.map(
    (model) => decodeModel(model).metadataProps.find(({ key }) => key === networkShapesKey)?.value,
  );
  if (shapes.includes(undefined)) return {};
  return networkMetadata(shapes.flatMap((text) => JSON.parse(text as string) as NetworkShape[]));
}
