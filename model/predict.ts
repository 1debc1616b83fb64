/** Serves an artifact: windows in, failure probabilities out, many machines in one run of the network. */
import { assert } from '../domain/assert.js';
import { UserError, WorldError } from '../domain/errors.js';
import type { FeatureSpec, FeatureWindow, Predictor } from '../domain/features.js';
import { readArtifact } from './artifact.js';
import { checkFits } from './fit.js';
import { type Engine, type LoadedGraph, outputOf } from './ports.js';

/** Windows in one run: beyond this a run gets no faster per window, only longer. */
const batchMax = 256;

/** All that a model says of some windows. */
export interface Outlook {
  /** [B, H]: see Predictor. */
  readonly probabilities: Float32Array;
  /** [B] expected steps of remaining useful life, up to the cap of training; only of networks that learned it. */
  readonly remainingLifeSteps?: Float32Array;
}

interface Pending {
  readonly windows: readonly FeatureWindow[];
  readonly resolve: (outlook: Outlook) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the artifact in `directory`. Throws UserError, naming the fault, when a file is missing or was changed, when
 * it is of another format, or when its features are not those of `wanted` (leave it out to take what there is).
 */
export async function openPredictor(
  directory: string,
  engine: Engine,
  wanted?: FeatureSpec,
): Promise<NetworkPredictor> {
  const { version, preprocessing, model } = await readArtifact(directory);
  const { spec } = preprocessing;
  const misfit = wanted && checkFits(spec, wanted);
  if (misfit !== undefined)
    throw new UserError(
      `The model in ${directory} does not fit machine type "${wanted?.machineType}": ${misfit}. Train a model for this machine type with \`millwright train\`.`,
    );
  let graph: LoadedGraph;
  try {
    graph = await engine.load(model);
  } catch (cause) {
    if (!(cause instanceof WorldError) || cause.code !== 'rejected') throw cause;
    throw new UserError(
      `The model in ${directory} cannot be used: ${cause.message}. Train it again with \`millwright train\`.`,
      {
        cause,
      },
    );
  }
  return new NetworkPredictor(version, spec, graph);
}

/**
 * Micro-batching: what is asked for while a run is under way goes together into the next one. The engine's thread
 * is never idle while something waits, and a lone window does not wait for company.
 */
export class NetworkPredictor implements Predictor {
  readonly version: string;
  readonly spec: FeatureSpec;
  readonly #graph: LoadedGraph;
  readonly #pending: Pending[] = [];
  #pump: Promise<void> | undefined;

  /** `graph` is that of buildForecast. */
  constructor(version: string, spec: FeatureSpec, graph: LoadedGraph) {
    this.version = version;
    this.spec = spec;
    this.#graph = graph;
  }

  predict(windows: readonly FeatureWindow[]): Promise<Float32Array> {
    return this.foresee(windows).then(({ probabilities }) => probabilities);
  }

  /** As `predict`, with the remaining useful life where the network gives it. */
  foresee(windows: readonly FeatureWindow[]): Promise<Outlook> {
    const length = this.spec.contextSteps * this.spec.names.length;
    for (const { rows } of windows)
      assert(rows.length === length, `a window of ${length} values (context × features), got ${rows.length}`);
    if (windows.length === 0) return Promise.resolve({ probabilities: new Float32Array(0) });
    return new Promise((resolve, reject) => {
      this.#pending.push({ windows, resolve, reject });
      this.#pump ??= this.#run();
    });
  }

  async close(): Promise<void> {
    await this.#pump;
    await this.#graph.close();
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0) {
      const asked = this.#pending.splice(0);
      try {
        const all = await this.#predictAll(asked.flatMap(({ windows }) => windows));
        let row = 0;
        for (const { windows, resolve } of asked) {
          const end = row + windows.length;
          const { horizonSteps } = this.spec;
          const lives = all.remainingLifeSteps?.slice(row, end);
          resolve({
            probabilities: all.probabilities.slice(row * horizonSteps, end * horizonSteps),
            ...(lives && { remainingLifeSteps: lives }),
          });
          row = end;
        }
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#pump = undefined;
  }

  async #predictAll(windows: readonly FeatureWindow[]): Promise<Outlook> {
    const { contextSteps, horizonSteps, names } = this.spec;
    const length = contextSteps * names.length;
    const probabilities = new Float32Array(windows.length * horizonSteps);
    let remainingLifeSteps: Float32Array | undefined;
    for (let from = 0; from < windows.length; from += batchMax) {
      const chunk = windows.slice(from, from + batchMax);
      // A lone window goes in twice: matrix products of one row take another path, with other last bits, and a
      // forecast must not depend on which machines happen to be forecast with it.
      const rowCount = Math.max(2, chunk.length);
      const data = new Float32Array(rowCount * length);
      if (chunk.length === 1) data.set(chunk[0]!.rows, length);
      chunk.forEach(({ rows }, index) => {
        data.set(rows, index * length);
      });
      const outputs = await this.#graph.run({
        windows: { dims: [rowCount, contextSteps, names.length], data },
      });
      const rows = outputOf(outputs, 'failureProbabilities').data as Float32Array;
      probabilities.set(rows.subarray(0, chunk.length * horizonSteps), from * horizonSteps);
      const lives = outputs.remainingLife?.data as Float32Array | undefined;
      if (!lives) continue;
      remainingLifeSteps ??= new Float32Array(windows.length);
      remainingLifeSteps.set(lives.subarray(0, chunk.length), from);
    }
    return { probabilities, ...(remainingLifeSteps && { remainingLifeSteps }) };
  }
}
