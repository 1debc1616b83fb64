/**
 * Looks at the gradients of a network without training it: which parameters' are not finite, and how much the loss of
 * the newest step depends on the inputs of each step before it. Where that falls to nothing within a few steps, the
 * gradient vanishes and the network cannot learn from what lies further back.
 */
import type { FeatureSpec } from '../domain/features.js';
import { differentiate } from './graph/differentiate.js';
import { dim } from './graph/dims.js';
import { encodeGraph } from './graph/encode.js';
import { Graph } from './graph/graph.js';
import { multiply } from './graph/operators/multiply.js';
import { reduceSum } from './graph/operators/reduce-sum.js';
import { track } from './graph/operators/track.js';
import { squareRoot } from './graph/operators/without-gradient.js';
import { windowFeeds } from './known-future.js';
import type { NetworkShape } from './network.js';
import { besideSteps, buildLoss } from './network-graph.js';
import { type Engine, type LoadedGraph, outputOf, type TensorValue } from './ports.js';
import type { Preprocessing } from './preprocessing.js';
import { preprocess, realSteps, windowDims } from './preprocessing-graph.js';
import { labelsOf } from './tasks.js';
import type { TrainingBatch } from './windows.js';

export interface ProbeOptions {
  readonly batchSize: number;
  readonly remainingLifeWeight: number;
}

export interface Probed {
  readonly loss: number;
  readonly logits: Float32Array;
  /** [P] not clipped. */
  readonly gradient: Float32Array;
  /** [T] Euclidean norm of d loss / d inputs of a step, over the batch; oldest step first. */
  readonly stepNorms: Float32Array;
}

/**
 * Inputs: `parameters` [P], what is read of windows and the labels as in buildTrainingStep; without dropout. Outputs: those of
 * `Probed`.
 */
export function buildGradientProbe(
  shape: NetworkShape,
  preprocessing: Preprocessing,
  options: ProbeOptions,
): Uint8Array {
  const graph = new Graph();
  const { spec } = preprocessing;
  const windows = graph.input('windows', windowDims(spec, dim('batch', options.batchSize)));
  const x = track(preprocess(windows, preprocessing, 'oldest-first'));
  const { remainingLifeWeight } = options;
  const real = realSteps(windows, spec);
  const beside = besideSteps(windows, preprocessing);
  const built = buildLoss(graph, shape, x, { dropout: 0, remainingLifeWeight }, real, beside);
  const [gradient, ofInputs] = differentiate(graph, built.loss, [built.parameters, x] as const);
  graph.withoutTape(() => {
    graph.output('loss', built.loss);
    graph.output('logits', built.logits);
    graph.output('gradient', gradient);
    graph.output('stepNorms', squareRoot(reduceSum(multiply(ofInputs, ofInputs), ['batch', 'input'])));
  });
  return encodeGraph(graph);
}

export class GradientProbe {
  readonly #graph: LoadedGraph;
  readonly #shape: NetworkShape;
  readonly #spec: FeatureSpec;
  readonly #options: ProbeOptions;

  private constructor(graph: LoadedGraph, shape: NetworkShape, spec: FeatureSpec, options: ProbeOptions) {
    this.#graph = graph;
    this.#shape = shape;
    this.#spec = spec;
    this.#options = options;
  }

  static async load(
    engine: Engine,
    shape: NetworkShape,
    preprocessing: Preprocessing,
    options: ProbeOptions,
  ): Promise<GradientProbe> {
    const graph = await engine.load(buildGradientProbe(shape, preprocessing, options));
    return new GradientProbe(graph, shape, preprocessing.spec, options);
  }

  /** `batch` is one of training, with as many windows as `batchSize`. */
  async look(parameters: Float32Array, batch: TrainingBatch): Promise<Probed> {
    const perRow = (data: Float32Array, columns = 1): TensorValue => ({
      dims: [data.length / columns, columns],
      data: Float32Array.from(data),
    });
    const { remainingLifeWeight } = this.#options;
    const probed = await this.#graph.run({
      parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
      ...windowFeeds(this.#spec, Float32Array.from(batch.windows)),
      eventDay: perRow(batch.eventDay, this.#shape.causeCount || 1),
      knownDays: perRow(batch.knownDays),
      ...(remainingLifeWeight > 0
        ? { lifeShare: perRow(batch.lifeShare), lifeWeight: perRow(batch.lifeWeight) }
        : {}),
    });
    const values = (name: string) => outputOf(probed, name).data as Float32Array;
    return {
      loss: values('loss')[0] as number,
      logits: values('logits'),
      gradient: values('gradient'),
      stepNorms: values('stepNorms'),
    };
  }

  /** `Probed.stepNorms` of windows that have one label each, that of their newest step (OriginBatchSource). */
  async throughTime(parameters: Float32Array, newest: TrainingBatch): Promise<number[]> {
    const rows = labelsOf(this.#shape.task) === 'every-step' ? this.#atNewestRows(newest) : newest;
    return [...(await this.look(parameters, rows)).stepNorms];
  }

  /** [B] labels as [T·B] ones: nothing is known at any step but the newest. */
  #atNewestRows(newest: TrainingBatch): TrainingBatch {
    const { windowSteps } = this.#spec;
    const { batchSize } = this.#options;
    const spread = (labels: Float32Array) => {
      const rows = new Float32Array(windowSteps * batchSize);
      rows.set(labels, (windowSteps - 1) * batchSize);
      return rows;
    };
    return {
      windows: newest.windows,
      eventDay: spread(newest.eventDay),
      knownDays: spread(newest.knownDays),
      lifeShare: spread(newest.lifeShare),
      lifeWeight: spread(newest.lifeWeight),
    };
  }

  close(): Promise<void> {
    return this.#graph.close();
  }
}
