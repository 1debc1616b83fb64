/** The folder of a trained value network: the same files as any other version has, see artifact.ts. */
import type { ValueSensor } from '../../domain/values.js';
import { modelMetadata, type WrittenArtifact, writeVersion } from '../artifact.js';
import { fingerprint } from '../data-fingerprint.js';
import type { Engine } from '../ports.js';
import { calibrateHealth } from './calibrate-health.js';
import { buildValueForecast } from './value-graph.js';
import { type ValuePreprocessing, valueFamilyOf } from './value-preprocessing.js';
import type { TrainedValues } from './value-trainer.js';

export interface ValueMetrics {
  /** Pinball loss on the validation machines, in standard deviations of training. */
  readonly validationLoss: number;
  /** Step 1..H: mean |median − value|, in standard deviations; null where nothing is known. */
  readonly validationMae: readonly (number | null)[];
  /** Share of the values inside the interval of 80 %. */
  readonly validationCoverage: number;
  readonly sensors: readonly string[];
  /** false: there were too few healthy rows to know what is usual. */
  readonly healthIndex: boolean;
  readonly trainingMachineCount: number;
  readonly validationMachineCount: number;
  readonly bestStep: number;
  readonly trainedMs: number;
}

/** Finds out what is usual on the validation machines, and writes the version. */
export async function writeValueArtifact(
  modelsDirectory: string,
  trained: TrainedValues,
  engine: Engine,
  codeVersion: string,
): Promise<WrittenArtifact<ValueMetrics>> {
  const { preprocessing: network, sensors, shape, parameters, validation } = trained;
  const columns = sensors.map(({ column }) => column);
  const build = (metadata: Readonly<Record<string, string>>) =>
    buildValueForecast(shape, network, columns, parameters, metadata);
  const graph = await engine.load(build({}));
  let health: ValuePreprocessing['health'];
  try {
    health = (await calibrateHealth(graph, network, columns, trained.validationHistories)) ?? null;
  } finally {
    await graph.close();
  }
  const preprocessing: ValuePreprocessing = {
    formatVersion: 1,
    spec: network.spec,
    network,
    sensors: sensors.map(({ name, unit, column }) => ({ name, unit, column })),
    health,
  };
  const model = build(modelMetadata(preprocessing));
  const machines = (histories: readonly { readonly machine: string }[]) =>
    new Set(histories.map(({ machine }) => machine)).size;
  const metrics: ValueMetrics = {
    validationLoss: validation.loss,
    validationMae: validation.mae.map((value) => (Number.isNaN(value) ? null : value)),
    validationCoverage: validation.coverage,
    sensors: sensors.map(({ name }) => name),
    healthIndex: health !== null,
    trainingMachineCount: machines(trained.trainingHistories),
    validationMachineCount: machines(trained.validationHistories),
    bestStep: trained.bestStep,
    trainedMs: trained.trainedMs,
  };
  return writeVersion(modelsDirectory, codeVersion, {
    family: valueFamilyOf(shape.cell),
    model,
    preprocessing,
    log: trained.log,
    metrics,
    lineage: {
      parents: [],
      data: fingerprint([...trained.trainingHistories, ...trained.validationHistories]),
      config: { ...trained.config },
      seed: trained.seed,
    },
    card: (version) => writeValueCard(version, trained, metrics, model.length),
  });
}

function writeValueCard(
  version: string,
  trained: TrainedValues,
  metrics: ValueMetrics,
  modelBytes: number,
): string {
  const { spec, sensors, config } = trained;
  const steps = [1, 7, 14, 30].filter((step) => step <= spec.horizonSteps);
  const listed = (each: readonly ValueSensor[]) => each.map(({ name }) => name).join(', ');
  return `# Model ${version}

Reads the last ${spec.windowSteps} steps of a machine of type \`${spec.machineType}\` and gives the mean of its sensors over each of the next
${spec.horizonSteps} steps: median, and an interval that should hold 80 %. Forecast: ${listed(sensors)}.${trained.constant.length === 0 ? '' : ` Left out, because they never varied: ${listed(trained.constant)}.`}

## How good it was on the validation machines

${metrics.trainingMachineCount} machines trained on, ${metrics.validationMachineCount} others judged by. Pinball loss ${metrics.validationLoss.toFixed(4)}; the interval held
${(100 * metrics.validationCoverage).toFixed(1)} %. Mean absolute error, in standard deviations of the training data:

| step | error |
| --- | --- |
${steps.map((step) => `| ${step} | ${(trained.validation.mae[step - 1] ?? Number.NaN).toFixed(3)} |`).join('\n')}

## Health index

${
  metrics.healthIndex
    ? `Compares what was seen over the last ${spec.horizonSteps} steps with what was expected before them. 1 lies a quarter above the greatest
index of a healthy validation machine. Passing it says that the machine departs from what was expected, not that it will fail.`
    : 'None: there were too few healthy steps on the validation machines to know what is usual.'
}

## Cost

- ${trained.parameters.length} parameters, ${Math.round(modelBytes / 1024)} KiB.
- Trained in ${(trained.trainedMs / 1000).toFixed(1)} s: ${trained.bestStep} steps of ${config.batchSize} windows up to the version kept, seed ${trained.seed}.

## Limits

- It knows the operation of its training machines, no other: a change of product or load looks like a departure.
- In several operating regimes, values are forecast as if the machine went on in the regime of its newest step.
`;
}
