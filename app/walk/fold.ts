/** One fold of a walk-forward backtest: a network trained on what was known at its first origin, and what it forecasts. */
import { replay, replayTopicSpecs } from '../../backtest/replay.js';
import type { NewRecord } from '../../domain/log.js';
import type { TopicRecords } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';
import type { TrainingConfig } from '../../model/config.js';
import { openPredictor } from '../../model/predict.js';
import type { TrainingProgress } from '../../model/trained-network.js';
import { featureSpec } from '../../stream/features.js';
import { readForecasts } from '../alert-sweep.js';
import type { Deployment } from '../config.js';
import { openEngine } from '../engine.js';
import { inPeriod } from '../forecaster-records.js';
import { readHistories } from '../history.js';
import { forecastStage } from '../stages.js';
import { chooseType, trainVersion } from '../training.js';
import { type Fold, trainingOf } from './folds.js';
import { readSteps } from './steps-file.js';

/** Plain JSON. */
export interface FoldJob {
  readonly typeName: string;
  readonly stepsFile: string;
  readonly fold: Fold;
  readonly seed: number;
  /** Machines that are learned from. */
  readonly trainMachines: readonly string[];
  readonly config: TrainingConfig;
  /** Folder that the network is written to. */
  readonly modelDir: string;
}

/** Plain JSON. */
export interface FoldResult {
  readonly fold: Fold;
  readonly seed: number;
  /** Of the network. */
  readonly version: string;
  readonly directory: string;
  /** Machines with something to learn from. */
  readonly trainingMachineCount: number;
  /** The topic `forecasts` at the origins that the fold judges, by partition. */
  readonly partitions: readonly (readonly {
    readonly record: TopicRecords['forecasts'];
    readonly offset: number;
  }[])[];
}

export async function runFold(
  deployment: Deployment,
  { typeName, stepsFile, fold, seed, trainMachines, config, modelDir }: FoldJob,
  onProgress: (progress: TrainingProgress) => void,
): Promise<FoldResult> {
  const type = chooseType(deployment.types, typeName);
  const partitionCount = deployment.config.log.partitions;
  const log = new MemoryLog();
  await log.ensureTopics(replayTopicSpecs(partitionCount));
  for await (const records of readSteps(stepsFile)) await log.append(records);
  const known = (await readHistories(deployment, log, fold.fromMs)).get(type.name) ?? [];
  const histories = trainingOf(fold, known, new Set(trainMachines));
  const engineName = deployment.config.model.engine;
  const { version, directory } = await trainVersion({
    type,
    histories,
    modelDir,
    config,
    seed,
    engine: engineName,
    onProgress,
  });
  const engine = openEngine(engineName);
  try {
    const predictor = await openPredictor(directory, engine, featureSpec(type));
    const predictors = new Map([[type.name, predictor]]);
    await replay({ log, partitionCount, stages: [forecastStage(deployment, predictors)], feed: nothing() });
    await predictor.close();
  } finally {
    await engine.close();
  }
  const forecasts = inPeriod(await readForecasts(log), fold);
  await log.close();
  return {
    fold,
    seed,
    version,
    directory,
    trainingMachineCount: new Set(histories.map(({ machine }) => machine)).size,
    partitions: forecasts.map((partition) => [...partition]),
  };
}

/** The steps are in the log already. */
async function* nothing(): AsyncGenerator<readonly NewRecord[]> {}
