/**
 * Trains a network on histories: splits the machines, fits the preprocessing on the training part, runs the training
 * step until the steps are used up or the validation loss stops falling, and keeps the best parameters.
 * The same data, config and seed give the same parameters, bit for bit, on one machine.
 */
import type { Clock } from '../domain/clock.js';
import { UserError } from '../domain/errors.js';
import type { FeatureSpec, History } from '../domain/features.js';
import { Rng } from '../domain/rng.js';
import { type WrittenArtifact, writeArtifact } from './artifact.js';
import type { TrainingConfig } from './config.js';
import type { NetworkShape } from './network.js';
import { dropoutWidth, networkLayout } from './network.js';
import { buildTrainingStep, buildValidation } from './network-graph.js';
import { adamwSchedule } from './optimizers/adamw.js';
import { ParameterAverage } from './optimizers/parameter-average.js';
import { initializeParameters } from './parameters.js';
import { type Engine, type LoadedGraph, outputOf, type TensorValue } from './ports.js';
import { fitPreprocessing, inputSize } from './preprocessing.js';
import { labelsOf, refusalOf } from './tasks.js';
import type { TrainedNetwork, TrainingProgress } from './trained-network.js';
import { thin, type ValidationScore, Validator } from './validation.js';
import { DenseBatchSource, OriginBatchSource, originsOf, type TrainingBatch } from './windows.js';

export interface TrainingRequest {
  readonly spec: FeatureSpec;
  readonly histories: readonly History[];
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Aborting rejects with the signal's reason; nothing is written. */
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
  return writeArtifact(request.modelsDirectory, trained, request.codeVersion);
}

/** Trains without writing anything. */
export async function trainNetwork(request: TrainingRequest): Promise<TrainedNetwork> {
  const { spec, config, engine, clock, signal } = request;
  const refusal = refusalOf(config.task, spec);
  if (refusal !== undefined) throw new UserError(refusal);
  const startedMs = clock.nowMs();
  const rng = new Rng(request.seed);
  const { training, validation } = splitMachines(request.histories, config.validationShare, rng.fork());
  const preprocessing = fitPreprocessing(spec, training, config, rng.fork());
  const shape: NetworkShape = {
    cell: config.cell,
    layers: config.layers,
    normalization: config.normalization,
    task: config.task,
    inputSize: inputSize(preprocessing),
    hiddenSize: config.hiddenSize,
    horizonSteps: spec.horizonSteps,
    remainingLife: config.remainingLifeWeight > 0,
    firstLogits: marginalLogits(training, spec.horizonSteps),
  };
  const parameters = initializeParameters(networkLayout(shape), rng.fork());
  const Source = labelsOf(config.task) === 'every-step' ? DenseBatchSource : OriginBatchSource;
  const batches = new Source(spec, training, config.remainingLifeCapSteps, rng.fork());
  const dropoutRng = rng.fork();
  const origins = thin(originsOf(validation), config.validationWindowsMax);

  const stepGraph = await engine.load(buildTrainingStep(shape, preprocessing, config));
  const validationGraph = await engine.load(buildValidation(shape, preprocessing));
  try {
    const validator = new Validator(validationGraph, spec, origins);
    const log: TrainingProgress[] = [];
    let best: { parameters: Float32Array; score: ValidationScore; step: number } | undefined;
    let state = firstState(parameters);
    const average = new ParameterAverage(config.averageDecay);
    let lossSum = 0;
    let normSum = 0;
    let stepsSince = 0;
    let fruitless = 0;
    let next = feeds(batches.draw(config.batchSize), spec, config, shape, dropoutRng);
    for (let step = 1; step <= config.steps; step++) {
      signal?.throwIfAborted();
      const learningRate = learningRateAt(step, config);
      const schedule: TensorValue = { dims: [3], data: adamwSchedule(step, learningRate) };
      const running = stepGraph.run({ ...state, ...next, schedule });
      // While the engine works on this batch, the next one is cut.
      next = feeds(batches.draw(config.batchSize), spec, config, shape, dropoutRng);
      const result = await running;
      const loss = outputOf(result, 'loss').data[0] as number;
      const norm = outputOf(result, 'gradientNorm').data[0] as number;
      if (!Number.isFinite(loss) || !Number.isFinite(norm))
        throw diverged(step, loss, norm, learningRate, log);
      state = {
        parameters: outputOf(result, 'nextParameters'),
        moment1: outputOf(result, 'nextMoment1'),
        moment2: outputOf(result, 'nextMoment2'),
      };
      const now = average.add(state.parameters.data as Float32Array);
      lossSum += outputOf(result, 'hazardLoss').data[0] as number;
      normSum += norm;
      stepsSince += 1;
      if (step % config.validateEverySteps !== 0 && step !== config.steps) continue;

      const score = await validator.score(now);
      if (best === undefined || score.loss < best.score.loss) {
        best = { parameters: Float32Array.from(now), score, step };
        fruitless = 0;
      } else fruitless += 1;
      const elapsedMs = clock.nowMs() - startedMs;
      const progress: TrainingProgress = {
        step,
        of: config.steps,
        trainLoss: lossSum / stepsSince,
        validationLoss: score.loss,
        bestLoss: best.score.loss,
        gradientNorm: normSum / stepsSince,
        learningRate,
        elapsedMs,
        leftMs: (elapsedMs / step) * (config.steps - step),
      };
      log.push(progress);
      request.onProgress?.(progress);
      lossSum = normSum = stepsSince = 0;
      if (fruitless >= config.patience) break;
    }
    if (best === undefined) throw new Error('training ended without a validation');
    return {
      spec,
      preprocessing,
      shape,
      config,
      seed: request.seed,
      parameters: best.parameters,
      bestStep: best.step,
      validation: best.score,
      trainingMachines: training.map(({ machine }) => machine),
      validationMachines: validation.map(({ machine }) => machine),
      trainingOriginCount: originsOf(training).length,
      validationOriginCount: origins.length,
      span: spanOf(request.histories),
      trainedMs: clock.nowMs() - startedMs,
      log,
    };
  } finally {
    await closeAll([stepGraph, validationGraph]);
  }
}

async function closeAll(graphs: readonly LoadedGraph[]): Promise<void> {
  for (const graph of graphs) await graph.close();
}

function firstState(parameters: Float32Array): Record<'parameters' | 'moment1' | 'moment2', TensorValue> {
  const dims = [parameters.length];
  const zeros = () => ({ dims, data: new Float32Array(parameters.length) });
  return { parameters: { dims, data: parameters }, moment1: zeros(), moment2: zeros() };
}

function feeds(
  batch: TrainingBatch,
  spec: FeatureSpec,
  config: TrainingConfig,
  shape: NetworkShape,
  rng: Rng,
): Record<string, TensorValue> {
  const { batchSize, dropout } = config;
  const width = dropoutWidth(shape);
  const perRow = (data: Float32Array): TensorValue => ({ dims: [data.length, 1], data });
  return {
    windows: { dims: [batchSize, spec.contextSteps, spec.names.length], data: batch.windows },
    eventDay: perRow(batch.eventDay),
    knownDays: perRow(batch.knownDays),
    ...(config.remainingLifeWeight > 0
      ? { lifeShare: perRow(batch.lifeShare), lifeWeight: perRow(batch.lifeWeight) }
      : {}),
    ...(dropout > 0
      ? {
          dropout: {
            dims: [batchSize, width],
            data: Float32Array.from({ length: batchSize * width }, () =>
              rng.uniform() < dropout ? 0 : 1 / (1 - dropout),
            ),
          },
        }
      : {}),
  };
}

/** Linear warm-up, then a cosine down to `finalRateShare` (Loshchilov & Hutter 2017, one cycle). `step` from 1. */
export function learningRateAt(step: number, config: TrainingConfig): number {
  const warmUp = Math.round(config.warmUpShare * config.steps);
  if (step <= warmUp) return (config.learningRate * step) / warmUp;
  const done = (step - warmUp) / Math.max(1, config.steps - warmUp);
  const share = config.finalRateShare + (1 - config.finalRateShare) * 0.5 * (1 + Math.cos(Math.PI * done));
  return config.learningRate * share;
}

/** By machine, never by row: two windows of one machine share most of their rows. */
export function splitMachines(
  histories: readonly History[],
  validationShare: number,
  rng: Rng,
): { training: readonly History[]; validation: readonly History[] } {
  const useful = histories.filter(({ knownDays }) => knownDays.some((days) => days > 0));
  const withFailure = new Set(
    useful.filter(({ eventDay }) => eventDay.some((day) => day > 0)).map((h) => h.machine),
  );
  const machines = [...new Set(useful.map(({ machine }) => machine))];
  if (machines.length < 2)
    throw new UserError(
      `Training needs the histories of at least 2 machines with a known future, got ${machines.length}. Add histories, or wait until more days are known.`,
    );
  if (withFailure.size === 0)
    throw new UserError(
      `None of the ${machines.length} machines has a failure on record, so there is nothing to learn. Record failures as events, or import a history that has them.`,
    );
  // Failures are few: machines with and without them are divided separately, so that both parts have some.
  const chosen = new Set<string>();
  for (const group of [true, false]) {
    const members = machines.filter((machine) => withFailure.has(machine) === group);
    const count = Math.min(members.length - 1, Math.max(1, Math.round(members.length * validationShare)));
    for (const machine of rng.shuffle(members).slice(0, Math.max(0, count))) chosen.add(machine);
  }
  const isChosen = ({ machine }: History) => chosen.has(machine);
  if (chosen.size === 0) {
    // One machine with a failure and one without: learn from the failure, judge by the other.
    const [other] = machines.filter((machine) => !withFailure.has(machine));
    if (other !== undefined) chosen.add(other);
  }
  return { training: useful.filter((h) => !isChosen(h)), validation: useful.filter(isChosen) };
}

/** Logits of the share that fails on day k of those known to run until then: what is known before any feature. */
export function marginalLogits(histories: readonly History[], horizonSteps: number): number[] {
  const failures = new Float64Array(horizonSteps);
  const exposed = new Float64Array(horizonSteps);
  for (const { eventDay, knownDays, stepCount } of histories)
    for (let step = 0; step < stepCount; step++)
      for (let day = 1; day <= Math.min(knownDays[step]!, horizonSteps); day++) {
        exposed[day - 1]! += 1;
        if (eventDay[step] === day) failures[day - 1]! += 1;
      }
  // Half a failure in a hundred rows more than seen: no hazard starts at zero.
  return [...failures].map((count, index) => {
    const hazard = (count + 0.5) / (exposed[index]! + 100);
    return Math.log(hazard / (1 - hazard));
  });
}

function spanOf(histories: readonly History[]): { readonly firstMs: number; readonly lastMs: number } {
  let firstMs = Infinity;
  let lastMs = -Infinity;
  for (const { originsMs } of histories)
    for (const originMs of originsMs) {
      if (originMs < firstMs) firstMs = originMs;
      if (originMs > lastMs) lastMs = originMs;
    }
  return { firstMs, lastMs };
}

function diverged(
  step: number,
  loss: number,
  norm: number,
  learningRate: number,
  log: readonly TrainingProgress[],
): UserError {
  const last = log[log.length - 1];
  const before =
    last === undefined
      ? 'It was the first stretch of training'
      : `The mean loss was ${last.trainLoss.toPrecision(3)} and the gradient norm ${last.gradientNorm.toPrecision(3)} up to step ${last.step}`;
  return new UserError(
    `Training stopped at step ${step}: the loss is ${loss} and the gradient norm ${norm} (learning rate ${learningRate.toPrecision(3)}). ${before}. Lower \`learningRate\` or \`clipNorm\`, and look for features with extreme values.`,
  );
}
