/**
 * Which sensor on which day moved a forecast: integrated gradients (Sundararajan, Taly & Yan 2017) of the probability of
 * failure within k days, F_k, along the straight line from an average machine to the window in question.
 *
 * The average machine has every feature at its mean over the training machines, on every day, and nothing missing; its
 * history is as long. So attributions answer: why not what is forecast for an average machine? They are shares of
 * probability, and complete: they sum to F_k(window) − F_k(average machine), up to the error of the quadrature, which is
 * measured for every explanation and driven below `errorMax`.
 */
import { UserError } from '../../domain/errors.js';
import type { FeatureSpec, FeatureWindow } from '../../domain/features.js';
import { type Engine, type LoadedGraph, outputOf } from '../ports.js';
import { buildGradients, buildInputs } from './attribution-graph.js';
import { giveBack } from './input-origins.js';
import { integrateGradients, type NetworkInputs, pointCount } from './integrated-gradients.js';
import { type ModelContents, readNetworks, type StoredNetwork } from './stored-networks.js';

export interface Attribution {
  /** Day of the horizon that is explained, 1..H. */
  readonly day: number;
  /** F_day of the window, and of the average machine. */
  readonly probability: number;
  readonly baseline: number;
  /** [C, F] row-major, oldest first: what each value added to the probability (below 0: took away). */
  readonly attributions: Float64Array;
  /** What the attributions sum to beyond `probability` − `baseline`. */
  readonly error: number;
}

/** A twentieth of a percentage point: below what is shown. */
export const errorMax = 5e-4;
/** Some pieces of the line miss by nearly as much as they may, most by much less. */
const pieceErrorMax = errorMax / 8;

export class Explainer {
  readonly version: string;
  readonly spec: FeatureSpec;
  readonly #networks: readonly StoredNetwork[];
  readonly #inputs: readonly LoadedGraph[];
  readonly #gradients: LoadedGraph;

  private constructor(
    version: string,
    networks: readonly StoredNetwork[],
    inputs: readonly LoadedGraph[],
    gradients: LoadedGraph,
  ) {
    this.version = version;
    this.spec = (networks[0] as StoredNetwork).preprocessing.spec;
    this.#networks = networks;
    this.#inputs = inputs;
    this.#gradients = gradients;
  }

  /** UserError where the model does not hold what can be differentiated: see readNetworks. */
  static async open(model: ModelContents, engine: Engine): Promise<Explainer> {
    const networks = readNetworks(model);
    const inputs: LoadedGraph[] = [];
    for (const { preprocessing } of networks) inputs.push(await engine.load(buildInputs(preprocessing)));
    const gradients = await engine.load(buildGradients(networks, pointCount));
    return new Explainer(model.version, networks, inputs, gradients);
  }

  /** Explains F_day, `day` in 1..H (UserError). */
  async explain(window: FeatureWindow, day: number): Promise<Attribution> {
    const { horizonSteps } = this.spec;
    if (!Number.isInteger(day) || day < 1 || day > horizonSteps)
      throw new UserError(`day ${day} cannot be explained: the network forecasts days 1 to ${horizonSteps}`);
    const read = await this.#read(window);
    const { gradients, probability, baseline } = await integrateGradients(
      this.#gradients,
      read,
      { day, horizonSteps },
      pieceErrorMax,
    );
    const attributions = new Float64Array(window.rows.length);
    gradients.forEach((gradient, index) => {
      giveBack((this.#networks[index] as StoredNetwork).preprocessing, window.rows, gradient, attributions);
    });
    const sum = attributions.reduce((before, value) => before + value, 0);
    return { day, probability, baseline, attributions, error: sum - (probability - baseline) };
  }

  async close(): Promise<void> {
    for (const graph of [...this.#inputs, this.#gradients]) await graph.close();
  }

  async #read({ rows }: FeatureWindow): Promise<NetworkInputs> {
    const { contextSteps, names } = this.spec;
    const inputs: Float32Array[] = [];
    let real: Float32Array = new Float32Array();
    for (const graph of this.#inputs) {
      const windows = { dims: [1, contextSteps, names.length], data: Float32Array.from(rows) };
      const outputs = await graph.run({ windows });
      inputs.push(outputOf(outputs, 'inputs').data as Float32Array);
      real = outputOf(outputs, 'real').data as Float32Array;
    }
    return { inputs, real };
  }
}
