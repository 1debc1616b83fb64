/** Trains a network for one machine type and makes it the one in use: the work behind `millwright train` and the demo. */
import { readFileSync } from 'node:fs';
import { wallClock } from '../domain/clock.js';
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import type { MachineType } from '../domain/machine-type.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import type { WrittenArtifact } from '../model/artifact.js';
import type { TrainingConfig } from '../model/config.js';
import type { TrainingProgress } from '../model/trained-network.js';
import { train } from '../model/trainer.js';
import { featureSpec } from '../stream/features.js';
import { setCurrentVersion, versionsFolder } from './model-folder.js';

export async function trainNetworkFor(request: {
  readonly type: MachineType;
  readonly histories: readonly History[];
  readonly modelDir: string;
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly signal?: AbortSignal;
  onProgress?(progress: TrainingProgress): void;
}): Promise<WrittenArtifact> {
  const { type, modelDir, signal, onProgress } = request;
  const engine = new OnnxEngine();
  try {
    const artifact = await train({
      spec: featureSpec(type),
      histories: request.histories,
      config: request.config,
      seed: request.seed,
      engine,
      clock: wallClock,
      modelsDirectory: versionsFolder(modelDir, type.name),
      codeVersion: codeVersion(),
      ...(onProgress ? { onProgress } : {}),
      ...(signal ? { signal } : {}),
    });
    await setCurrentVersion(modelDir, type.name, artifact.version);
    return artifact;
  } finally {
    await engine.close();
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
