/**
 * Trains a value network on histories, failures or none: learns from some machines, is judged by others, keeps the
 * parameters that were best there. The same data, config and seed give the same parameters, bit for bit, on one machine.
 */

import { UserError } from '../../domain/errors.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import type { ValueSensor } from '../../domain/values.js';
import type { TrainingConfig } from '../config.js';
import { EarlyStopping } from '../early-stopping.js';
import { LearningRate } from '../learning-rate.js';
import { adamwSchedule } from '../optimizers/adamw.js';
import { ParameterAverage } from '../optimizers/parameter-average.js';
import { initializeParameters } from '../parameters.js';
import { outputOf, type TensorValue } from '../ports.js';
import { fitPreprocessing, inputSize, type Preprocessing } from '../preprocessing.js';
import type { TrainingProgress } from '../trained-network.js';
import type { TrainingRequest } from '../trainer.js';
import { drawDropout } from '../training-feeds.js';
import { nextOptimizerState, optimizerState, Stretch } from '../training-stretch.js';
import { thin } from '../validation.js';
import { buildValueTrainingStep, buildValueValidation, labelledSteps } from './value-graph.js';
import { type ValueShape, valueLayout } from './value-network.js';
import { type ValueScore, ValueValidator } from './value-validation.js';
import { ValueBatchSource, ValueLabeller, valueOriginsOf } from './value-windows.js';

export interface ValueTrainingRequest extends Omit<TrainingRequest, 'checkpoints' | 'onRetry'> {
  readonly sensors: readonly ValueSensor[];
}

export interface TrainedValues {
  readonly spec: FeatureSpec;
  readonly preprocessing: Preprocessing;
  /** Of those asked for, the ones that varied in training. */
  readonly sensors: readonly ValueSensor[];
  /** The others. */
  readonly constant: readonly ValueSensor[];
  readonly shape: ValueShape;
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly parameters: Float32Array;
  readonly bestStep: number;
  readonly validation: ValueScore;
  readonly trainingHistories: readonly History[];
  readonly validationHistories: readonly History[];
  readonly trainedMs: number;
  readonly log: readonly TrainingProgress[];
}

/**
 * Measured on the sensors of Azure PdM, days 1 to 30 after days of June 2015 (mean MASE): every step .6798, every fifth .6798, every
 * tenth .6803, only the newest .6816; the head costs in proportion.
 */
const labelEverySteps = 5;

export async function trainValues(request: ValueTrainingRequest): Promise<TrainedValues> {
  const { config, engine, clock, signal } = request;
  // What is planned is no input of these networks.
  const spec = { ...request.spec, plannedVisits: undefined };
  const startedMs = clock.nowMs();
  const rng = new Rng(request.seed);
  const { training, validation } = splitForValues(request.histories, config.validationShare, rng.fork());
  const preprocessing = fitPreprocessing(spec, training, config, rng.fork());
  const varied = ({ column }: ValueSensor) => preprocessing.keptColumns.includes(column);
  const sensors = request.sensors.filter(varied);
  if (sensors.length === 0)
    throw new UserError(
      `None of the sensors to be forecast (${request.sensors.map(({ name }) => name).join(', ')}) ever varied, so there is nothing to learn. Choose others with \`forecast: true\` in the machine type.`,
    );
  const columns = sensors.map(({ column }) => column);
  const shape: ValueShape = {
    cell: config.cell,
    layers: config.layers,
    normalization: config.normalization,
    inputSize: inputSize(preprocessing),
    hiddenSize: config.hiddenSize,
    sensorCount: sensors.length,
    horizonSteps: spec.horizonSteps,
  };
  const layout = valueLayout(shape);
  const parameters = initializeParameters(layout, rng.fork());
  const labelled = labelledSteps(spec.windowSteps, labelEverySteps);
  const labeller = new ValueLabeller(preprocessing, columns);
  const source = new ValueBatchSource(spec, labeller, training, labelled, rng.fork());
  const dropoutRng = rng.fork();
  const { batchSize, dropout } = config;
  const feeds = (): Record<string, TensorValue> => {
    const batch = source.draw(batchSize);
    const labels = [labelled.length * batchSize, labeller.width];
    return {
      windows: { dims: [batchSize, spec.contextSteps, spec.names.length], data: batch.windows },
      actual: { dims: labels, data: batch.actual },
      known: { dims: labels, data: batch.known },
      ...(dropout > 0 && {
        dropout: drawDropout(dropoutRng, batchSize, config.layers * config.hiddenSize, dropout),
      }),
    };
  };
  const stepGraph = await engine.load(buildValueTrainingStep(shape, preprocessing, config, labelled));
  const validationGraph = await engine.load(buildValueValidation(shape, preprocessing));
  try {
    const origins = thin(valueOriginsOf(validation), config.validationWindowsMax);
    const validator = new ValueValidator(validationGraph, spec, labeller, origins);
    const rate = new LearningRate(config);
    const average = new ParameterAverage(config.averageDecay);
    const log: TrainingProgress[] = [];
    const stopping = new EarlyStopping<ValueScore>();
    let state = optimizerState({ parameters });
    let stretch = new Stretch(layout, 'loss');
    let next = feeds();
    for (let step = 1; step <= config.steps && stopping.fruitless < config.patience; step++) {
      signal?.throwIfAborted();
      const learningRate = rate.at(step);
      const schedule: TensorValue = { dims: [3], data: adamwSchedule(step, learningRate) };
      const running = stepGraph.run({ ...state, ...next, schedule });
      // While the engine works on this batch, the next one is cut.
      next = feeds();
      const result = await running;
      const loss = outputOf(result, 'loss').data[0] as number;
      if (!Number.isFinite(loss))
        throw new UserError(
          `Training of the value network stopped at step ${step}: its loss is ${loss} (learning rate ${learningRate.toPrecision(3)}). Lower \`learningRate\` or \`clipNorm\`, and look for features with extreme values.`,
        );
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
        elapsedMs,
        leftMs: (elapsedMs / step) * (config.steps - step),
      };
      log.push(progress);
      request.onProgress?.(progress);
      stretch = new Stretch(layout, 'loss');
    }
    return {
      spec,
      preprocessing,
      sensors,
      constant: request.sensors.filter((sensor) => !varied(sensor)),
      shape,
      config,
      seed: request.seed,
      parameters: stopping.best.parameters,
      bestStep: stopping.best.step,
      validation: stopping.best.score,
      trainingHistories: training,
      validationHistories: validation,
      trainedMs: clock.nowMs() - startedMs,
      log,
    };
  } finally {
    await stepGraph.close();
    await validationGraph.close();
  }
}

/** By machine, never by row. */
function splitForValues(histories: readonly History[], validationShare: number, rng: Rng) {
  const useful = histories.filter(({ stepCount }) => stepCount > 1);
  const machines = [...new Set(useful.map(({ machine }) => machine))];
  if (machines.length < 2)
    throw new UserError(
      `Value forecasts are learned from some machines and judged by others: that needs histories of at least 2 machines, got ${machines.length}. Add histories.`,
    );
  const count = Math.min(machines.length - 1, Math.max(1, Math.round(machines.length * validationShare)));
  const chosen = new Set(rng.shuffle(machines).slice(0, count));
  const isChosen = ({ machine }: History) => chosen.has(machine);
  return { training: useful.filter((h) => !isChosen(h)), validation: useful.filter(isChosen) };
}
