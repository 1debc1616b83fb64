/**
 * Trains a network on histories: splits the machines, fits the preprocessing on the training part, runs the training
 * step until the steps are used up or the validation loss stops falling, and keeps the best parameters.
 * The same data, config and seed give the same parameters, bit for bit, on one machine, in one go or with breaks.
 */

import { assert } from '../domain/assert.js';
import type { Clock } from '../domain/clock.js';
import type { FeatureSpec, History } from '../domain/features.js';
import { type WrittenArtifact, writeArtifact } from './artifact.js';
import { type Checkpoint, type CheckpointStore, checkSameTraining, describeTraining } from './checkpoint.js';
import type { TrainingConfig } from './config.js';
import { byMachineAndTime, fingerprint, spanOf } from './data-fingerprint.js';
import { Diverged, diverged } from './divergence.js';
import { EarlyStopping } from './early-stopping.js';
import { finishModel } from './finish.js';
import { GradientProbe } from './gradient-probe.js';
import { LearningRate } from './learning-rate.js';
import { buildValidation } from './network-graph.js';
import { adamwSchedule } from './optimizers/adamw.js';
import { ParameterAverage } from './optimizers/parameter-average.js';
import { type Engine, type LoadedGraph, outputOf, type TensorValue } from './ports.js';
import type { SoftLabels } from './soft-labels.js';
import { addSoftLabels, type Teacher } from './teacher.js';
import type { TrainedNetwork, TrainingProgress } from './trained-network.js';
import { planTraining, type TrainingPlan } from './training-plan.js';
import { loadTrainingStep } from './training-step.js';
import { nextOptimizerState, optimizerState, Stretch } from './training-stretch.js';
import { type ValidationScore, Validator } from './validation.js';
import { originsOf } from './windows.js';

export interface TrainingRequest {
  readonly spec: FeatureSpec;
  readonly histories: readonly History[];
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly engine: Engine;
  /** Further engines, each of which takes an equal part of every batch: see training-step.ts. */
  readonly partners?: readonly Engine[];
  readonly clock: Clock;
  /** After every validation, when its checkpoint is safe. */
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Labels come from this network, too. Not with checkpoints (asserted): they do not tell the teacher. */
  readonly teacher?: Teacher;
  /** Of a loss that was no longer finite, before the retry. */
  readonly onRetry?: (reason: Diverged, learningRate: number) => void;
  /** Where to go on from, and what to go on from later. */
  readonly checkpoints?: CheckpointStore;
  /** Aborting rejects with the signal's reason; no artifact is written. */
  readonly signal?: AbortSignal;
}

/**
 * Trains and writes the artifact: a folder named by its version under `modelsDirectory`.
 * Throws UserError when the histories cannot be learned from, or the loss stops being finite.
 */
export async function train(
  request: TrainingRequest & { readonly modelsDirectory: string; readonly codeVersion: string },
): Promise<WrittenArtifact> {
  const trained = await trainNetwork(request);
  const finished = await finishModel(trained, request.engine);
  return writeArtifact(request.modelsDirectory, trained, finished, request.codeVersion);
}

/** A retry begins anew with this share of the learning rate. */
const retryRateShare = 0.1;

/** Trains without writing an artifact. In which order the histories come makes no difference. */
export async function trainNetwork(unordered: TrainingRequest): Promise<TrainedNetwork> {
  const histories = [...unordered.histories].sort(byMachineAndTime);
  const request = { ...unordered, histories };
  const { spec, config, seed } = request;
  const about = describeTraining(spec, histories, config, seed);
  const checkpoint = await request.checkpoints?.load();
  if (checkpoint) {
    checkSameTraining(checkpoint.about, about);
    return runTraining(request, about, checkpoint.learningRate, checkpoint);
  }
  try {
    return await runTraining(request, about, config.learningRate);
  } catch (error) {
    if (!(error instanceof Diverged) || config.onDivergence === 'stop') throw error;
    const learningRate = config.learningRate * retryRateShare;
    request.onRetry?.(error, learningRate);
    return runTraining(request, about, learningRate);
  }
}

/** One attempt, from the start or from a checkpoint. `highestRate` stands for the configuration's learning rate. */
async function runTraining(
  request: TrainingRequest,
  about: Checkpoint['about'],
  highestRate: number,
  from?: Checkpoint,
): Promise<TrainedNetwork> {
  const { spec, engine, clock, signal, seed } = request;
  const config = { ...request.config, learningRate: highestRate };
  const startedMs = clock.nowMs() - (from?.elapsedMs ?? 0);
  const { teacher } = request;
  assert(!teacher || !request.checkpoints, 'no checkpoints of a network that learns from another');
  const softLabels = teacher && new Map<History, SoftLabels>();
  const plan = planTraining(spec, request.histories, config, seed, softLabels);
  if (softLabels) await addSoftLabels(softLabels, teacher, spec, plan.training, signal);
  const { preprocessing, shape, layout, feeds } = plan;

  const loaded: { close(): Promise<void> }[] = [];
  const load = async (bytes: Uint8Array): Promise<LoadedGraph> => {
    const graph = await engine.load(bytes);
    loaded.push(graph);
    return graph;
  };
  const loadProbe = async (): Promise<GradientProbe> => {
    const probe = await GradientProbe.load(engine, shape, preprocessing, config);
    loaded.push(probe);
    return probe;
  };
  try {
    const engines = [engine, ...(request.partners ?? [])] as const;
    const stepOptions = { ...config, softLabels: teacher !== undefined };
    const stepGraph = await loadTrainingStep(engines, shape, preprocessing, stepOptions);
    loaded.push(stepGraph);
    const validator = new Validator(
      await load(buildValidation(shape, preprocessing)),
      preprocessing.spec,
      plan.origins,
    );
    const probe = config.gradientsThroughTime === 'off' ? undefined : await loadProbe();
    const probeBatch = probe && plan.probeBatch();

    const rate = new LearningRate(config, from?.schedule);
    const average = new ParameterAverage(config.averageDecay);
    if (from) {
      average.restore(from.average, from.step);
      feeds.restore(from.feeds);
    }
    const log: TrainingProgress[] = [...(from?.log ?? [])];
    const stopping = new EarlyStopping<ValidationScore>(from);
    let state = optimizerState(from ?? { parameters: plan.parameters });
    let stretch = new Stretch(layout, 'hazardLoss');
    let next = feeds.next();
    for (
      let step = (from?.step ?? 0) + 1;
      step <= config.steps && stopping.fruitless < config.patience;
      step++
    ) {
      signal?.throwIfAborted();
      const learningRate = rate.at(step);
      const schedule: TensorValue = { dims: [3], data: adamwSchedule(step, learningRate) };
      const current = next;
      const before = Float32Array.from(state.parameters.data as Float32Array);
      const running = stepGraph.run({ ...state, ...current.feeds, schedule });
      // While the engine works on this batch, the next one is cut.
      next = feeds.next();
      const result = await running;
      const loss = outputOf(result, 'loss').data[0] as number;
      const gradientNorm = outputOf(result, 'gradientNorm').data[0] as number;
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        feeds.restore(current.before);
        const probed = await (probe ?? (await loadProbe())).look(before, feeds.batch());
        throw diverged({ step, loss, gradientNorm, learningRate, parameters: before, layout, probed, log });
      }
      state = nextOptimizerState(result);
      const mean = average.add(state.parameters.data as Float32Array);
      stretch.add(result);
      if (step % config.validateEverySteps !== 0 && step !== config.steps) continue;

      const score = await validator.score(mean);
      rate.validated(score.loss);
      stopping.validated(mean, score, step);
      const elapsedMs = clock.nowMs() - startedMs;
      const progress: TrainingProgress = {
        step,
        of: config.steps,
        ...stretch.means(),
        validationLoss: score.loss,
        bestLoss: stopping.best.score.loss,
        learningRate,
        ...(probe && probeBatch ? { stepNorms: await probe.throughTime(mean, probeBatch) } : {}),
        elapsedMs,
        leftMs: (elapsedMs / step) * (config.steps - step),
      };
      log.push(progress);
      stretch = new Stretch(layout, 'hazardLoss');
      await request.checkpoints?.save({
        formatVersion: 1,
        about,
        step,
        learningRate: highestRate,
        parameters: state.parameters.data as Float32Array,
        moment1: state.moment1.data as Float32Array,
        moment2: state.moment2.data as Float32Array,
        average: mean,
        schedule: rate.state,
        best: stopping.best,
        fruitless: stopping.fruitless,
        feeds: next.before,
        elapsedMs,
        log,
      });
      request.onProgress?.(progress);
    }
    return trainedNetwork(request, plan, config, {
      ...stopping.best,
      log,
      trainedMs: clock.nowMs() - startedMs,
    });
  } finally {
    for (const graph of loaded) await graph.close();
  }
}

function trainedNetwork(
  { spec, seed, histories, teacher }: TrainingRequest,
  { preprocessing, shape, training, validation, origins }: TrainingPlan,
  config: TrainingConfig,
  {
    parameters,
    score,
    step,
    ...rest
  }: { readonly parameters: Float32Array; readonly score: ValidationScore; readonly step: number } & Pick<
    TrainedNetwork,
    'log' | 'trainedMs'
  >,
): TrainedNetwork {
  return {
    spec,
    preprocessing,
    shape,
    config,
    seed,
    parameters,
    bestStep: step,
    validation: score,
    trainingMachines: training.map(({ machine }) => machine),
    training,
    validationMachines: validation.map(({ machine }) => machine),
    keptOrigins: origins,
    trainingOriginCount: originsOf(training).length,
    validationOriginCount: origins.length,
    trainedUntilMs: spanOf(training).lastMs,
    data: fingerprint(histories),
    ...(teacher && { teacher: { version: teacher.predictor.version, share: teacher.share } }),
    ...rest,
  };
}
