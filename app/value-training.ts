/** Trains the value network of one machine type. */
import { wallClock } from '../domain/clock.js';
import type { History } from '../domain/features.js';
import type { MachineType } from '../domain/machine-type.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import type { WrittenArtifact } from '../model/artifact.js';
import type { TrainingConfig } from '../model/config.js';
import type { TrainingProgress } from '../model/trained-network.js';
import { type ValueMetrics, writeValueArtifact } from '../model/values/value-artifact.js';
import { trainValues } from '../model/values/value-trainer.js';
import { featureSpec } from '../stream/features.js';
import { valueSensors } from '../stream/value-sensors.js';
import { versionsFolder } from './model-folder.js';
import { codeVersion } from './training.js';

export interface ValueRequest {
  readonly type: MachineType;
  readonly histories: readonly History[];
  readonly modelDir: string;
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly signal?: AbortSignal;
  onProgress?(progress: TrainingProgress): void;
}

/** Trains and writes a version without taking it into use. */
export async function trainValueVersion(request: ValueRequest): Promise<WrittenArtifact<ValueMetrics>> {
  const { type, histories, modelDir, config, seed, signal, onProgress } = request;
  const engine = new OnnxEngine();
  try {
    const trained = await trainValues({
      spec: featureSpec(type),
      sensors: valueSensors(type),
      histories,
      config,
      seed,
      engine,
      clock: wallClock,
      ...(onProgress ? { onProgress } : {}),
      ...(signal ? { signal } : {}),
    });
    return await writeValueArtifact(versionsFolder(modelDir, type.name), trained, engine, codeVersion());
  } finally {
    await engine.close();
  }
}
