/** Joins trained versions into one that loads as any other. */
import { assert } from '../domain/assert.js';
import { UserError } from '../domain/errors.js';
import {
  type ArtifactMetrics,
  modelMetadata,
  type ReadArtifact,
  readArtifact,
  readReference,
  type WrittenArtifact,
  writeVersion,
} from './artifact.js';
import { type EnsemblePreprocessing, ensembleFamily, joinForecasts } from './ensemble.js';
import { checkFits } from './fit.js';
import { commonLineage } from './lineage.js';
import { joinedMetadata } from './network-metadata.js';

/**
 * Writes the ensemble of the versions in `directories` under `modelsDirectory`. Throws UserError when one of them is
 * not whole, is an ensemble itself, or reads other features than the first.
 */
export async function writeEnsemble(
  modelsDirectory: string,
  directories: readonly string[],
  codeVersion: string,
): Promise<WrittenArtifact> {
  const members: ReadArtifact[] = [];
  for (const directory of directories) members.push(await readArtifact(directory));
  const [first] = members;
  assert(first, 'at least one version to join');
  const { spec } = first.preprocessing;
  const preprocessing: EnsemblePreprocessing = {
    formatVersion: 1,
    spec,
    members: members.map((member, index) => {
      const names = { have: directories[index] as string, want: directories[0] as string };
      const misfit = checkFits(member.preprocessing.spec, spec, names);
      if (misfit !== undefined) throw new UserError(`These networks cannot be one ensemble: ${misfit}.`);
      if ('members' in member.preprocessing)
        throw new UserError(`${names.have} is an ensemble already; name the networks that it was made of.`);
      if ('network' in member.preprocessing)
        throw new UserError(
          `${names.have} forecasts values, not failures; name networks that forecast failures.`,
        );
      return member.preprocessing;
    }),
  };
  const model = joinForecasts(
    members.map((member) => member.model),
    spec.horizonSteps,
    { ...modelMetadata(preprocessing), ...joinedMetadata(members.map((member) => member.model)) },
  );
  const metrics = meanMetrics(members.map((member) => member.metrics));
  return writeVersion(modelsDirectory, codeVersion, {
    family: ensembleFamily,
    model,
    preprocessing,
    log: members.map((member) => ({ member: member.version, bestStep: member.metrics.bestStep })),
    metrics,
    lineage: {
      parents: members.map(({ version }) => ({ version, as: 'member' })),
      ...commonLineage(members.map(({ lineage }) => lineage)),
    },
    card: (version) => writeEnsembleCard(version, members, metrics, model.length),
    simpleModels: first.simpleModels,
    // Members learned from parts of the same machines; what the first one said of its own stands for what the mean says.
    reference: await readReference(directories[0] as string),
  });
}

/**
 * Every member was judged on machines of its own that others may have learned from, so there is no score of the whole
 * on machines that all of them have never seen: these are means over the members. The cost is their sum.
 */
function meanMetrics(members: readonly ArtifactMetrics[]): ArtifactMetrics {
  const mean = (of: (member: ArtifactMetrics) => number) =>
    members.reduce((sum, member) => sum + of(member), 0) / members.length;
  const [first] = members as [ArtifactMetrics];
  return {
    validationLoss: mean((member) => member.validationLoss),
    validationMeanBrier: mean((member) => member.validationMeanBrier),
    validationBrier: first.validationBrier.map((_, day) =>
      members.some((member) => member.validationBrier[day] === null)
        ? null
        : mean((member) => member.validationBrier[day] as number),
    ),
    trainingMachineCount: Math.round(mean((member) => member.trainingMachineCount)),
    validationMachineCount: Math.round(mean((member) => member.validationMachineCount)),
    trainingOriginCount: Math.round(mean((member) => member.trainingOriginCount)),
    validationOriginCount: Math.round(mean((member) => member.validationOriginCount)),
    bestStep: Math.round(mean((member) => member.bestStep)),
    trainedMs: members.reduce((sum, member) => sum + member.trainedMs, 0),
    ...allSeen(members),
  };
}

/** What any member has learned from, the ensemble knows; what none has, but one stopped by, it was judged by. */
function allSeen(members: readonly ArtifactMetrics[]): Pick<ArtifactMetrics, 'seen'> {
  const seen = members.flatMap((member) => member.seen ?? []);
  if (seen.length < members.length) return {};
  const training = new Set(seen.flatMap(({ trainingMachines }) => trainingMachines));
  const validation = new Set(seen.flatMap(({ validationMachines }) => validationMachines));
  return {
    seen: {
      trainingMachines: [...training],
      validationMachines: [...validation].filter((machine) => !training.has(machine)),
      trainedUntilMs: Math.max(...seen.map(({ trainedUntilMs }) => trainedUntilMs)),
    },
  };
}

function writeEnsembleCard(
  version: string,
  members: readonly ReadArtifact[],
  metrics: ArtifactMetrics,
  modelBytes: number,
): string {
  const rows = members.map(
    ({ version: name, metrics: own }) =>
      `| ${name} | ${own.validationMeanBrier.toFixed(4)} | ${(own.trainedMs / 1000).toFixed(1)} s |`,
  );
  return `# Model ${version}

The mean of ${members.length} networks (of their cumulated hazards), in one graph. Each learned from another choice of the same machines.

| network | mean Brier score on its own validation machines | trained in |
| --- | --- | --- |
${rows.join('\n')}

Mean of them: ${metrics.validationMeanBrier.toFixed(4)}. Together they are better than one by one; by how much, only machines tell that none of
them has seen: \`millwright backtest\`.

## Cost

- ${Math.round(modelBytes / 1024)} KiB; a forecast costs as much as ${members.length} of single networks.

## Limits

- Those of its members.
`;
}
