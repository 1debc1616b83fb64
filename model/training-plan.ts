/** All that is settled before the first training step: it follows from the data, the configuration and the seed. */
import { UserError } from '../domain/errors.js';
import type { FeatureSpec, History } from '../domain/features.js';
import { Rng } from '../domain/rng.js';
import { causesOf } from './causes.js';
import type { TrainingConfig } from './config.js';
import { knownFutureNames } from './known-future.js';
import { dropoutWidth, type NetworkShape, networkLayout } from './network.js';
import { initializeParameters, type ParameterLayout } from './parameters.js';
import { fitPreprocessing, inputSize, type Preprocessing } from './preprocessing.js';
import type { SoftLabels } from './soft-labels.js';
import { keepForValidation } from './split.js';
import { labelsOf, readsKnownFuture, refusalOf } from './tasks.js';
import { TrainingFeeds } from './training-feeds.js';
import { thin } from './validation.js';
import { DenseBatchSource, type Origin, OriginBatchSource, type TrainingBatch } from './windows.js';

export interface TrainingPlan {
  readonly training: readonly History[];
  readonly validation: readonly History[];
  /** What validations judge. */
  readonly origins: readonly Origin[];
  readonly preprocessing: Preprocessing;
  readonly shape: NetworkShape;
  readonly layout: ParameterLayout;
  readonly parameters: Float32Array;
  readonly feeds: TrainingFeeds;
  /** Windows for GradientProbe.throughTime, the same at every validation. */
  readonly probeBatch: () => TrainingBatch;
}

/**
 * Throws UserError when the histories cannot be learned from, or not in this way. `softLabels`: of all of `training`, to be
 * there before the first batch is drawn.
 */
export function planTraining(
  ofType: FeatureSpec,
  histories: readonly History[],
  config: TrainingConfig,
  seed: number,
  softLabels?: ReadonlyMap<History, SoftLabels>,
): TrainingPlan {
  // A network that does not look ahead does not depend on what is planned.
  const spec = readsKnownFuture(config.task) ? ofType : { ...ofType, plannedVisits: undefined };
  const refusal = refusalOf(config.task, spec);
  if (refusal !== undefined) throw new UserError(refusal);
  const rng = new Rng(seed);
  const { training, validation, origins } = keepForValidation(histories, config, rng.fork());
  const visitAgeSteps = config.task === 'day-decoder' ? config.visitAgeSteps : 0;
  const { byCause, clockScales } = config;
  if (byCause && (config.task !== 'day-decoder' || softLabels))
    throw new UserError(
      `\`byCause\` needs \`task: day-decoder\`, and failures to learn from instead of another network. Set \`byCause: false\`.`,
    );
  const found = byCause ? causesOf(spec, training) : undefined;
  const causes = found && { columns: [...found.columns], scales: clockScales };
  const options = { ...config, visitAgeSteps, ...(causes ? { causes } : {}) };
  const preprocessing = fitPreprocessing(spec, training, options, rng.fork());
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
    decoderUnits: config.decoderUnits,
    visitAgeSize: preprocessing.visitAge?.steps ?? 0,
    futureSize: knownFutureNames(spec).length,
    ...(causes ? { causeCount: causes.columns.length, clockSize: causes.scales.length } : {}),
  };
  const layout = networkLayout(shape);
  const parameters = initializeParameters(layout, rng.fork());
  const batchRng = rng.fork();
  const { remainingLifeCapSteps: capSteps } = config;
  const newest = (drawnBy: Rng, teacher?: typeof softLabels) =>
    new OriginBatchSource(spec, training, capSteps, drawnBy, teacher, found?.bits);
  const source =
    labelsOf(config.task) === 'every-step'
      ? new DenseBatchSource(spec, training, capSteps, batchRng, softLabels)
      : newest(batchRng, softLabels);
  const width = dropoutWidth(shape);
  const feeds = new TrainingFeeds(source, batchRng, rng.fork(), spec, config, width, shape.causeCount);
  const probeRng = rng.fork();
  return {
    training,
    validation,
    origins: thin(origins, config.validationWindowsMax),
    preprocessing,
    shape,
    layout,
    parameters,
    feeds,
    probeBatch: () => newest(probeRng).draw(config.batchSize),
  };
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
