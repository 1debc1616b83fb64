/** One training and what came of it, on machines that had no part in it: what comparisons, searches and folds are made of. */
import type { MachineErrors } from '../../backtest/metrics/bootstrap.js';
import { wallClock } from '../../domain/clock.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { TrainingConfig } from '../../model/config.js';
import { networkLayout } from '../../model/network.js';
import { buildForecast } from '../../model/network-graph.js';
import { parameterCount } from '../../model/parameters.js';
import { NetworkPredictor } from '../../model/predict.js';
import type { TrainedNetwork, TrainingProgress } from '../../model/trained-network.js';
import { trainNetwork } from '../../model/trainer.js';
import type { Origin } from '../../model/windows.js';
import { judgePredictor } from './judge.js';

export interface TrialRequest {
  readonly spec: FeatureSpec;
  /** Learned from, a part of them to stop early by. */
  readonly training: readonly History[];
  /** Of other machines, or of a later time. */
  readonly judged: readonly Origin[];
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly signal?: AbortSignal;
  onProgress?(progress: TrainingProgress): void;
}

/** Plain JSON. */
export interface TrialResult {
  readonly seed: number;
  /** On the judged machines. */
  readonly meanBrier: number | null;
  readonly brierByDay: readonly (number | null)[];
  readonly concordance: number | null;
  readonly errors: MachineErrors;
  /** −log-likelihood on the machines that early stopping went by. */
  readonly validationLoss: number;
  readonly bestStep: number;
  readonly parameterCount: number;
  /** Wall time of the training. */
  readonly trainedMs: number;
  /** Processor time of this process meanwhile: of the training alone, if nothing else went on. */
  readonly processorMs: number;
}

export async function runTrial(request: TrialRequest): Promise<TrialResult> {
  const { training, judged, onProgress, ...rest } = request;
  const engine = new OnnxEngine();
  try {
    const before = process.cpuUsage();
    const trained = await trainNetwork({
      ...rest,
      histories: training,
      engine,
      clock: wallClock,
      ...(onProgress ? { onProgress } : {}),
    });
    const { user, system } = process.cpuUsage(before);
    const processorMs = (user + system) / 1000;
    const predictor = await predictorOf(trained, engine);
    const { rowCount: _, ...scores } = await judgePredictor(predictor, judged, request.signal);
    await predictor.close();
    return {
      seed: request.seed,
      ...scores,
      validationLoss: trained.validation.loss,
      bestStep: trained.bestStep,
      parameterCount: parameterCount(networkLayout(trained.shape)),
      trainedMs: trained.trainedMs,
      processorMs,
    };
  } finally {
    await engine.close();
  }
}

/** As it would be served. */
async function predictorOf(
  { shape, preprocessing, parameters, spec }: TrainedNetwork,
  engine: OnnxEngine,
): Promise<NetworkPredictor> {
  const graph = await engine.load(buildForecast(shape, preprocessing, parameters, {}));
  return new NetworkPredictor('trial', spec, graph);
}
