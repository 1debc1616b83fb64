/** The three graphs of a network: one to train it, one to judge it while it trains, one to serve it. */
import { assert } from '../domain/assert.js';
import { fuseLayers, newestRows, type UnrolledLayers, unrollLayers } from './cells/layers.js';
import { decodeDays } from './day-decoder.js';
import { decode, type RunLayers } from './decoder.js';
import { differentiate } from './graph/differentiate.js';
import { cubeDims, type Dim, type Dims, dim, dimOf, fixedSize } from './graph/dims.js';
import { encodeGraph } from './graph/encode.js';
import { Graph, type Tensor } from './graph/graph.js';
import { add } from './graph/operators/add.js';
import { multiply } from './graph/operators/multiply.js';
import { reshape } from './graph/operators/reshape.js';
import { split } from './graph/operators/split.js';
import { select } from './graph/operators/without-gradient.js';
import { causesLoss, machineLogits } from './heads/causes.js';
import { dayLogits } from './heads/day-hazards.js';
import { failureProbabilities, hazardLogits, survivalLoss } from './heads/hazards.js';
import { remainingLifeLoss, remainingLifeSteps } from './heads/remaining-life.js';
import { softSurvivalLoss } from './heads/soft-labels.js';
import {
  decoderOf,
  dropoutWidths,
  encoderOf,
  futureSizeOf,
  isRecursive,
  type NetworkShape,
  networkLayout,
} from './network.js';
import { adamwScheduleDim } from './optimizers/adamw.js';
import { clipNorm } from './optimizers/clip-norm.js';
import { type OptimizerName, optimizerCalled } from './optimizers/optimizer.js';
import {
  decayMask,
  type ParameterLayout,
  parameterCount,
  parameterNorms,
  unpackParameters,
} from './parameters.js';
import type { Preprocessing } from './preprocessing.js';
import {
  causeClocks,
  newestVisitAge,
  preprocess,
  realStepCounts,
  realSteps,
  windowDims,
} from './preprocessing-graph.js';
import { labelsOf } from './tasks.js';

/** Constants of a served model whose names hold this were learned; inspect.ts counts them. */
export const learnedStem = 'parameters';

export interface OptimizerOptions {
  readonly batchSize: number;
  /** adamw when left out. */
  readonly optimizer?: OptimizerName;
  readonly weightDecay: number;
  readonly clipNorm: number;
  /** 0: no dropout, and no input `dropout`. */
  readonly dropout: number;
}

export interface TrainingStepOptions extends OptimizerOptions {
  /** Weight of the second task in the loss; 0 leaves it out, and its inputs. */
  readonly remainingLifeWeight: number;
  /** Labels are a teacher's: inputs `atRisk`, `failing` [R, H] in place of `eventDay`, `knownDays`. */
  readonly softLabels?: boolean;
}

/**
 * One training step: new parameters and moments from old ones and a batch.
 *
 * Inputs: `parameters`, `moment1`, `moment2` [P]; `windows` [B, C, F]; where the network reads what is known of the
 * days to come, `future` [B, H, K]; per row [R, 1]: `eventDay` (by cause [R, causes]), `knownDays`, and with
 * the second task `lifeShare`, `lifeWeight`; `schedule` [3] (adamwSchedule); with dropout `dropout` [B, dropoutWidth],
 * 0 or 1 / (1 − share). Outputs: `nextParameters`, `nextMoment1`, `nextMoment2`, `loss`, `hazardLoss`; of the gradient
 * before clipping `gradientNorm`, and `parameterNorms` [number of parameters], in the order of the layout.
 *
 * Where every step has labels (labelsOf), the rows are the steps, R = T·B, time-major; a short life starts at row C − T
 * of its window, rows after its end are empty and have knownDays 0. Else the rows are the windows, R = B, labelled for
 * their newest step; a short life ends at the newest row, as when served.
 */
export function buildTrainingStep(
  shape: NetworkShape,
  preprocessing: Preprocessing,
  options: TrainingStepOptions,
): Uint8Array {
  const graph = new Graph();
  const made = buildGradients(graph, shape, preprocessing, options);
  outputUpdate(graph, made.parameters, made, networkLayout(shape), options);
  graph.output('hazardLoss', made.hazardLoss);
  return encodeGraph(graph);
}

/**
 * The first half of a training step, for a part of a batch: inputs as there, without `moment1`, `moment2` and
 * `schedule`; outputs `partGradient` [P], `partLoss`, `partHazardLoss`.
 */
export function buildPartialStep(
  shape: NetworkShape,
  preprocessing: Preprocessing,
  options: TrainingStepOptions,
): Uint8Array {
  const graph = new Graph();
  const { gradient, loss, hazardLoss } = buildGradients(graph, shape, preprocessing, options);
  graph.output('partGradient', gradient);
  graph.output('partLoss', loss);
  graph.output('partHazardLoss', hazardLoss);
  return encodeGraph(graph);
}

/**
 * The second half: what the parts gave as inputs `gradient0` [P], `loss0`, `hazardLoss0`, `gradient1`, ..., their means
 * weighted by `shares` (the sum of which is 1) as gradient and losses. Other inputs and outputs as those of the whole.
 */
export function buildJoiningStep(
  shape: NetworkShape,
  shares: readonly number[],
  options: TrainingStepOptions,
): Uint8Array {
  const graph = new Graph();
  const layout = networkLayout(shape);
  const flat = [dim('parameter', parameterCount(layout))];
  const mean = (name: string, dims: Dims) =>
    shares
      .map((share, part) => multiply(graph.input(`${name}${part}`, dims), graph.scalar(share)))
      .reduce(add);
  const parts = {
    gradient: mean('gradient', flat),
    loss: mean('loss', []),
    hazardLoss: mean('hazardLoss', []),
  };
  outputUpdate(graph, graph.input('parameters', flat), parts, layout, options);
  graph.output('hazardLoss', parts.hazardLoss);
  return encodeGraph(graph);
}

interface Gradients {
  readonly gradient: Tensor;
  readonly loss: Tensor;
  readonly hazardLoss: Tensor;
}

function buildGradients(
  graph: Graph,
  shape: NetworkShape,
  preprocessing: Preprocessing,
  options: TrainingStepOptions,
): Gradients & { readonly parameters: Tensor } {
  const batch = dim('batch', options.batchSize);
  const windows = graph.input('windows', windowDims(preprocessing.spec, batch));
  const x = preprocess(windows, preprocessing, 'oldest-first');
  const real = labelsOf(shape.task) === 'every-step' ? undefined : realSteps(windows, preprocessing.spec);
  const built = buildLoss(graph, shape, x, options, real, besideSteps(windows, preprocessing));
  const [gradient] = differentiate(graph, built.loss, [built.parameters] as const);
  return { ...built, gradient };
}

/** What a training step gives, whatever it is that was learned: parameters and moments after it, `loss`, norms. */
export function outputUpdate(
  graph: Graph,
  parameters: Tensor,
  { gradient, loss }: Omit<Gradients, 'hazardLoss'>,
  layout: ParameterLayout,
  options: OptimizerOptions,
): void {
  const flat = parameters.dims;
  const state = { parameters, moment1: graph.input('moment1', flat), moment2: graph.input('moment2', flat) };
  const schedule = graph.input('schedule', [adamwScheduleDim]);
  graph.withoutTape(() => {
    const { clipped, norm } = clipNorm(gradient, options.clipNorm);
    const decay = graph.constant(flat, decayMask(layout));
    const next = optimizerCalled(options.optimizer ?? 'adamw')(
      graph,
      state,
      clipped,
      schedule,
      decay,
      options.weightDecay,
    );
    graph.output('nextParameters', next.parameters);
    graph.output('nextMoment1', next.moment1);
    graph.output('nextMoment2', next.moment2);
    graph.output('loss', loss);
    graph.output('gradientNorm', norm);
    graph.output('parameterNorms', parameterNorms(gradient, layout));
  });
}

export interface LossOptions {
  readonly dropout: number;
  readonly remainingLifeWeight: number;
  readonly softLabels?: boolean;
}

/**
 * x [T, B, I] → the loss, with the inputs that it needs. Also the ground of the gradient checks, in float64.
 * `real` [T·B, 1] (see UnrollOptions): for tasks with labels of the newest step, whose windows may begin before the
 * series does. `beside`: what a day decoder reads beside x.
 */
export function buildLoss(
  graph: Graph,
  shape: NetworkShape,
  x: Tensor,
  options: LossOptions,
  real?: Tensor,
  beside: BesideSteps = {},
) {
  const layout = networkLayout(shape);
  const parameters = graph.input('parameters', [dim('parameter', parameterCount(layout))], { tracked: true });
  const byName = unpackParameters(parameters, layout);
  const [, batch] = cubeDims('loss', 'x', x.dims);
  const masks = options.dropout > 0 ? dropoutMasks(graph, dropoutWidths(shape), batch) : undefined;
  const encoded = unrollLayers(x, encoderOf(shape, byName), { real, dropout: masks?.slice(0, shape.layers) });
  const logits = trainedLogits(shape, byName, x, encoded, masks?.slice(shape.layers), beside);
  const [row, horizon] = logits.dims.slice(-2) as [Dim, Dim];
  const label = (name: string, columns: Dim) => graph.input(name, [row, columns]);
  const day = dim('day', 1);
  const { causeCount = 0 } = shape;
  const hazardLoss = options.softLabels
    ? softSurvivalLoss(logits, label('atRisk', horizon), label('failing', horizon))
    : causeCount > 0
      ? causesLoss(logits, label('eventDay', dim('cause', causeCount)), label('knownDays', day))
      : survivalLoss(logits, label('eventDay', day), label('knownDays', day));
  let loss = hazardLoss;
  if (options.remainingLifeWeight > 0) {
    const share = graph.input('lifeShare', [row, dim('share', 1)]);
    const weight = graph.input('lifeWeight', [row, dim('share', 1)]);
    const states = labelsOf(shape.task) === 'every-step' ? encoded.states : newestRows(encoded.states, batch);
    const second = remainingLifeLoss(states, share, weight, byName);
    loss = add(loss, multiply(second, graph.scalar(options.remainingLifeWeight)));
  }
  return { parameters, logits, loss, hazardLoss };
}

/**
 * x [T, B, I] → logits [B, H] of the newest step, as served, with gradients. `real`: see buildLoss. A day decoder
 * reads more than x: it cannot be had here.
 */
export function newestLogits(
  x: Tensor,
  shape: NetworkShape,
  parameters: ReadonlyMap<string, Tensor>,
  real: Tensor,
): Tensor {
  assert(shape.task !== 'day-decoder', 'a network that reads x alone');
  const [, batch] = cubeDims('newestLogits', 'x', x.dims);
  const encoded = unrollLayers(x, encoderOf(shape, parameters), { real });
  if (shape.task === 'dense') return hazardLogits(newestRows(encoded.states, batch), parameters);
  return trainedLogits(shape, parameters, x, encoded, undefined, {});
}

/** What a day decoder reads of windows beside the inputs of the steps. */
export interface BesideSteps {
  /** See newestVisitAge. */
  readonly visitAge?: Tensor | undefined;
  /** See causeClocks. */
  readonly clocks?: Tensor | undefined;
}

export function besideSteps(windows: Tensor, preprocessing: Preprocessing): BesideSteps {
  return { visitAge: newestVisitAge(windows, preprocessing), clocks: causeClocks(windows, preprocessing) };
}

/** Logits [T·B, H] of every step, or of the newest [B, H], by cause [K, B, H]: see labelsOf. */
function trainedLogits(
  shape: NetworkShape,
  parameters: ReadonlyMap<string, Tensor>,
  x: Tensor,
  encoded: UnrolledLayers,
  decoderMasks: readonly Tensor[] | undefined,
  { visitAge, clocks }: BesideSteps,
): Tensor {
  const { states } = encoded;
  const [, batch] = cubeDims('trainedLogits', 'x', x.dims);
  switch (shape.task) {
    case 'dense':
      return hazardLogits(states, parameters);
    case 'many-to-one':
      return hazardLogits(newestRows(states, batch), parameters);
    case 'equal-length': {
      const row = dimOf('equal-length', states.dims, 'row');
      const kept = dim('row', shape.horizonSteps * fixedSize('equal-length', batch));
      const before = dim('row', fixedSize('equal-length', row) - fixedSize('equal-length', kept));
      const newest = before.size === 0 ? states : split(states, 'row', [before, kept])[1];
      return dayLogits(perStep(newest, shape.horizonSteps, batch), parameters);
    }
    case 'encoder-decoder':
    case 'encoder-decoder-recursive': {
      const decoder = decoderOf(shape, parameters);
      const run: RunLayers = (x, start) => {
        const ran = unrollLayers(x, decoder, { start, dropout: decoderMasks });
        return { states: perStep(ran.states, (x.dims[0] as Dim).size as number, batch), last: ran.last };
      };
      return decode(run, encoded.last(), parameters, shape.horizonSteps, isRecursive(shape.task));
    }
    case 'day-decoder': {
      const state = newestRows(states, batch);
      const newest = newestRows(asRows(x), batch);
      const future = futureInput(x.graph, shape, batch);
      const row = [state, newest, ...(visitAge ? [visitAge] : [])];
      return decodeDays({ row, future, clocks }, parameters, shape.horizonSteps, decoderMasks?.[0]);
    }
  }
}

/** `future` [B, H, K], where the network reads what is known of the days to come. */
function futureInput(graph: Graph, shape: NetworkShape, batch: Dim): Tensor | undefined {
  const size = futureSizeOf(shape);
  if (size === 0) return undefined;
  return graph.input('future', [batch, dim('horizon', shape.horizonSteps), dim('future', size)]);
}

/** x [T, B, I] → [T·B, I] */
function asRows(x: Tensor): Tensor {
  const [time, batch, input] = cubeDims('asRows', 'x', x.dims);
  return reshape(x, [dim('row', fixedSize('asRows', time) * fixedSize('asRows', batch)), input]);
}

/** [K·B, H] → [K, B, H] */
function perStep(states: Tensor, steps: number, batch: Dim): Tensor {
  return reshape(states, [dim('time', steps), batch, dimOf('perStep', states.dims, 'hidden')]);
}

/** One mask per width, cut out of the input `dropout`. */
export function dropoutMasks(graph: Graph, widths: readonly number[], batch: Dim): readonly Tensor[] {
  const total = widths.reduce((sum, width) => sum + width, 0);
  const input = graph.input('dropout', [batch, dim('hidden', total)]);
  if (widths.length === 1) return [input];
  return split(
    input,
    'hidden',
    widths.map((width) => dim('hidden', width)),
  );
}

/** Judges parameters: inputs `parameters` [P] and those of buildForecast; output `logits` [B, H]. */
export function buildValidation(shape: NetworkShape, preprocessing: Preprocessing): Uint8Array {
  const graph = new Graph();
  const layout = networkLayout(shape);
  const parameters = graph.input('parameters', [dim('parameter', parameterCount(layout))]);
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', null)));
  graph.output('logits', buildServed(windows, parameters, shape, preprocessing).logits);
  return encodeGraph(graph);
}

/**
 * What is served: inputs `windows` [B, C, F] raw, NaN where missing, and where the network reads what is known of the
 * days to come `future` [B, H, K]; output `failureProbabilities` [B, H], and with
 * `lifeCapSteps`, for a network that learned it as a second task, `remainingLife` [B, 1] in steps, at most the cap.
 */
export function buildForecast(
  shape: NetworkShape,
  preprocessing: Preprocessing,
  values: Float32Array,
  metadata: Readonly<Record<string, string>>,
  lifeCapSteps?: number,
): Uint8Array {
  const graph = new Graph();
  const parameters = graph.constant([dim('parameter', values.length)], values, 'float', learnedStem);
  const windows = graph.input('windows', windowDims(preprocessing.spec, dim('batch', null)));
  const { logits, newest, byName } = buildServed(windows, parameters, shape, preprocessing);
  const curve = failureProbabilities(logits);
  graph.output('failureProbabilities', curve);
  if (shape.remainingLife && lifeCapSteps !== undefined)
    graph.output('remainingLife', remainingLifeSteps(newest(), curve, byName, lifeCapSteps));
  return encodeGraph(graph, metadata);
}

function buildServed(
  windows: Tensor,
  parameters: Tensor,
  shape: NetworkShape,
  preprocessing: Preprocessing,
): {
  readonly logits: Tensor;
  /** Adds the encoder's newest state to the graph. */
  readonly newest: () => Tensor;
  readonly byName: ReadonlyMap<string, Tensor>;
} {
  const byName = unpackParameters(parameters, networkLayout(shape));
  const x = preprocess(windows, preprocessing, 'newest-first');
  const encoded = fuseLayers(x, encoderOf(shape, byName), {
    order: 'newest-first',
    lengths: realStepCounts(windows, preprocessing.spec),
  });
  return {
    logits: servedLogits(x, encoded, byName, shape, besideSteps(windows, preprocessing)),
    newest: () => encoded.newest(),
    byName,
  };
}

/** x [T, B, I], newest step first. */
function servedLogits(
  x: Tensor,
  encoded: ReturnType<typeof fuseLayers>,
  byName: ReadonlyMap<string, Tensor>,
  shape: NetworkShape,
  { visitAge, clocks }: BesideSteps,
): Tensor {
  switch (shape.task) {
    case 'dense':
    case 'many-to-one':
      return hazardLogits(encoded.newest(), byName);
    case 'equal-length': {
      const oldestFirst = Array.from(
        { length: shape.horizonSteps },
        (_, day) => shape.horizonSteps - 1 - day,
      );
      return dayLogits(select(encoded.states(), 'time', oldestFirst), byName);
    }
    case 'encoder-decoder':
    case 'encoder-decoder-recursive': {
      const decoder = decoderOf(shape, byName);
      const run: RunLayers = (days, start) => {
        const ran = fuseLayers(days, decoder, { order: 'oldest-first', start });
        return { states: ran.states(), last: ran.last };
      };
      return decode(run, encoded.last(), byName, shape.horizonSteps, isRecursive(shape.task));
    }
    case 'day-decoder': {
      const state = encoded.newest();
      const future = futureInput(x.graph, shape, state.dims[0] as Dim);
      const [, batch, input] = cubeDims('day-decoder', 'x', x.dims);
      const newest = reshape(select(x, 'time', [0]), [batch, input]);
      const row = [state, newest, ...(visitAge ? [visitAge] : [])];
      const logits = decodeDays({ row, future, clocks }, byName, shape.horizonSteps);
      return clocks ? machineLogits(logits) : logits;
    }
  }
}
