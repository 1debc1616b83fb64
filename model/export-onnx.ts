/** The model file of a version with all in its metadata that somebody needs who has nothing else. */
import type { ReadArtifact } from './artifact.js';
import { decodeModel, encodeModel, withMetadata } from './graph/model-file.js';

/**
 * Metadata, beside what the file has: `millwright.version`; `millwright.features`, JSON, the columns of `windows` in
 * order, each `{name, unit}`; `millwright.windowSteps`, `.contextSteps`, `.horizonSteps`; `millwright.reads`, in words.
 */
export function exportOnnx({
  version,
  preprocessing: { spec },
  model,
}: Pick<ReadArtifact, 'version' | 'preprocessing' | 'model'>): Uint8Array {
  const features = spec.names.map((name, column) => ({ name, unit: spec.units[column] }));
  const described = withMetadata(decodeModel(model), {
    'millwright.version': version,
    'millwright.features': JSON.stringify(features),
    'millwright.windowSteps': `${spec.windowSteps}`,
    'millwright.contextSteps': `${spec.contextSteps}`,
    'millwright.horizonSteps': `${spec.horizonSteps}`,
    'millwright.reads': `windows [batch, ${spec.contextSteps} steps, ${spec.names.length} features]: raw values, oldest step first, NaN where missing`,
  });
  return encodeModel(described);
}
