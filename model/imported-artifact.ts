/** A version whose weights come from another program. Nobody here has judged it. */
import { type ArtifactMetrics, modelMetadata, type WrittenArtifact, writeVersion } from './artifact.js';
import type { StoredNetwork } from './explanation/stored-networks.js';
import { describeNetwork } from './network.js';
import { buildForecast } from './network-graph.js';
import { networkMetadata } from './network-metadata.js';

/** Its scores, which only training knows. */
const unknown: ArtifactMetrics = {
  validationLoss: NaN,
  validationMeanBrier: NaN,
  validationBrier: [],
  trainingMachineCount: 0,
  validationMachineCount: 0,
  trainingOriginCount: 0,
  validationOriginCount: 0,
  bestStep: 0,
  trainedMs: 0,
};

/** `source`: where the weights come from, for the card. */
export function writeImported(
  modelsDirectory: string,
  network: StoredNetwork,
  source: string,
  codeVersion: string,
): Promise<WrittenArtifact> {
  const { shape, preprocessing, parameters } = network;
  const metadata = { ...modelMetadata(preprocessing), ...networkMetadata([shape]) };
  const model = buildForecast(shape, preprocessing, parameters, metadata);
  return writeVersion(modelsDirectory, codeVersion, {
    family: shape.cell,
    model,
    preprocessing,
    log: [],
    metrics: unknown,
    lineage: { parents: [], source },
    card: (version) => `# Model ${version}

Imported from ${source}: ${describeNetwork(shape)}, ${parameters.length} parameters, ${Math.round(model.length / 1024)} KiB.

## How good it is

Not known here: its weights were made elsewhere, from data that this card knows nothing of. \`millwright backtest\`, on machines
that it has not seen, tells.

## Limits

- It reads the features of the network that was exported, standardised as that was.
- A window shorter than ${preprocessing.spec.windowSteps} steps is used as it is; forecasts from a handful of steps rest on little.
`,
  });
}
