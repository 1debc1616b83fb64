/** Trains a network for one machine type and makes it the one in use: the work behind `millwright train` and the demo. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { wallClock } from '../domain/clock.js';
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import type { MachineType } from '../domain/machine-type.js';
import type { WrittenArtifact } from '../model/artifact.js';
import { checkpointFolder } from '../model/checkpoint-folder.js';
import type { TrainingConfig } from '../model/config.js';
import { writeEnsemble } from '../model/ensemble-artifact.js';
import { openPredictor } from '../model/predict.js';
import type { TrainingProgress } from '../model/trained-network.js';
import { train } from '../model/trainer.js';
import { featureSpec } from '../stream/features.js';
import { type EngineName, openEngine } from './engine.js';
import { versionsFolder } from './model-folder.js';
import { operatorName } from './operator.js';
import { Registry } from './registry/registry.js';

export interface NetworkRequest {
  readonly type: MachineType;
  readonly histories: readonly History[];
  readonly modelDir: string;
  readonly config: TrainingConfig;
  readonly seed: number;
  /** Checkpoints of every seed are kept in a folder of its own here, and gone on from; default: none. */
  readonly checkpointsIn?: string;
  /** Folder of a network to learn from, and the weight of what it says in the labels. */
  readonly teacher?: { readonly directory: string; readonly share: number };
  readonly engine?: EngineName;
  readonly signal?: AbortSignal;
  onProgress?(progress: TrainingProgress): void;
  onRetry?(reason: UserError, learningRate: number): void;
}

/** Trains a version and takes it into use, however good it is; removes nothing. */
export async function trainNetworkFor(request: NetworkRequest): Promise<WrittenArtifact> {
  const artifact = await trainVersion(request);
  const registry = new Registry(request.modelDir, { retired: Infinity, candidates: Infinity }, wallClock);
  const author = { by: operatorName(), via: 'train', why: 'trained, and used however good it is' };
  await registry.added(request.type.name, [artifact.version], author);
  await registry.takeIntoUse(request.type.name, artifact.version, author);
  return artifact;
}

/** The mean of several networks, and the networks. */
export interface WrittenEnsemble {
  readonly artifact: WrittenArtifact;
  readonly members: readonly WrittenArtifact[];
}

/** As trainVersion, for the mean of `size` networks with seeds `seed`, `seed` + 1, ... `member` counts from 1. */
export async function trainEnsembleVersion(
  request: Omit<NetworkRequest, 'onProgress'> & {
    readonly size: number;
    onProgress?(progress: TrainingProgress, member: number): void;
  },
): Promise<WrittenEnsemble> {
  const { type, modelDir, size, seed, onProgress, ...rest } = request;
  const members: WrittenArtifact[] = [];
  for (let member = 1; member <= size; member++)
    members.push(
      await trainVersion({
        ...rest,
        type,
        modelDir,
        seed: seed + member - 1,
        ...(onProgress ? { onProgress: (progress) => onProgress(progress, member) } : {}),
      }),
    );
  const artifact = await writeEnsemble(
    versionsFolder(modelDir, type.name),
    members.map(({ directory }) => directory),
    codeVersion(),
  );
  return { artifact, members };
}

/** Trains and writes a version without taking it into use. */
export async function trainVersion(request: NetworkRequest): Promise<WrittenArtifact> {
  const { type, modelDir, seed, teacher, checkpointsIn, signal, onProgress, onRetry } = request;
  const open = () => openEngine(request.engine ?? 'onnx');
  const engine = open();
  const partners = Array.from({ length: request.config.threads - 1 }, open);
  try {
    const predictor =
      teacher && (await openPredictor(teacher.directory, engine, featureSpec(type), codeVersion()));
    return await train({
      spec: featureSpec(type),
      histories: request.histories,
      config: request.config,
      seed,
      engine,
      partners,
      clock: wallClock,
      modelsDirectory: versionsFolder(modelDir, type.name),
      codeVersion: codeVersion(),
      ...(checkpointsIn ? { checkpoints: checkpointFolder(join(checkpointsIn, `seed-${seed}`)) } : {}),
      ...(predictor ? { teacher: { predictor, share: teacher.share } } : {}),
      ...(onProgress ? { onProgress } : {}),
      ...(onRetry ? { onRetry } : {}),
      ...(signal ? { signal } : {}),
    });
  } finally {
    await Promise.all([engine, ...partners].map((each) => each.close()));
  }
}

/** Version of this package. */
export function codeVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** The machine type that is meant: the one named, or the only one there is. */
export function chooseType(types: ReadonlyMap<string, MachineType>, name: string | undefined): MachineType {
  const [only] = types.values();
  const type = name === undefined && types.size === 1 ? only : types.get(name ?? '');
  if (type) return type;
  const known = [...types.keys()].join(', ');
  throw new UserError(
    name === undefined
      ? `there are several machine types: choose one with --type (${known})`
      : `there is no machine type "${name}": choose from ${known}`,
  );
}
