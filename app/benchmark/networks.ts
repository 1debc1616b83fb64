/** Trains the networks of a benchmark, on the path of `millwright train`, and puts them to the origins. */
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { WrittenArtifact } from '../../model/artifact.js';
import type { TrainingConfig } from '../../model/config.js';
import { writeEnsemble } from '../../model/ensemble-artifact.js';
import { openPredictor } from '../../model/predict.js';
import { featureSpec } from '../../stream/features.js';
import { versionsFolder } from '../model-folder.js';
import { codeVersion, trainVersion } from '../training.js';
import { forecastOrigins, type JudgedOrigin } from './forecasters.js';
import type { BenchmarkProgress, Forecasts } from './result.js';
import type { ScoredRow } from './scores.js';

export interface BenchmarkRequest {
  readonly dir: string;
  /** Networks with seeds 1..seedCount are trained and scored. */
  readonly seedCount: number;
  /** Networks in the ensemble, seeds 1..ensembleSize; 0: no ensemble. */
  readonly ensembleSize: number;
  readonly config: TrainingConfig;
  /** Folder that the networks are written to. */
  readonly modelDir: string;
  readonly signal?: AbortSignal;
  onProgress?(progress: BenchmarkProgress): void;
}

export interface BenchmarkNetworks {
  readonly seeds: readonly WrittenArtifact[];
  readonly ensemble: WrittenArtifact | null;
}

export async function trainNetworks(
  type: MachineType,
  histories: readonly History[],
  request: BenchmarkRequest,
): Promise<BenchmarkNetworks> {
  const { seedCount, ensembleSize, modelDir, config, signal, onProgress } = request;
  const networks: WrittenArtifact[] = [];
  const networkCount = Math.max(seedCount, ensembleSize);
  for (let seed = 1; seed <= networkCount; seed++)
    networks.push(
      await trainVersion({
        type,
        histories,
        modelDir,
        config,
        seed,
        onProgress: (training) => onProgress?.({ phase: 'train', network: seed, of: networkCount, training }),
        ...(signal ? { signal } : {}),
      }),
    );
  const ensemble =
    ensembleSize === 0
      ? null
      : await writeEnsemble(
          versionsFolder(modelDir, type.name),
          networks.slice(0, ensembleSize).map(({ directory }) => directory),
          codeVersion(),
        );
  return { seeds: networks.slice(0, seedCount), ensemble };
}

export function versionsOf({ seeds, ensemble }: BenchmarkNetworks) {
  return { seeds: seeds.map(({ version }) => version), ensemble: ensemble?.version ?? null };
}

export async function forecastWithNetworks(
  { seeds, ensemble }: BenchmarkNetworks,
  type: MachineType,
  origins: readonly JudgedOrigin[],
  signal: AbortSignal | undefined,
): Promise<Pick<Forecasts, 'seeds' | 'ensemble'>> {
  const engine = new OnnxEngine();
  const forecast = async ({ directory }: WrittenArtifact): Promise<ScoredRow[]> => {
    const predictor = await openPredictor(directory, engine, featureSpec(type));
    const rows = await forecastOrigins(predictor, origins, signal);
    await predictor.close();
    return rows;
  };
  try {
    const bySeed: ScoredRow[][] = [];
    for (const network of seeds) bySeed.push(await forecast(network));
    return { seeds: bySeed, ensemble: ensemble && (await forecast(ensemble)) };
  } finally {
    await engine.close();
  }
}
