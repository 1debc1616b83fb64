/** Serves an artifact: windows in, failure probabilities out, many machines in one run of the network. */
import { assert } from '../domain/assert.js';
import { UserError, WorldError } from '../domain/errors.js';
import type { FeatureSpec, FeatureWindow, Predictor } from '../domain/features.js';
import { readArtifact } from './artifact.js';
import { checkFits } from './fit.js';
import { inBlocks } from './in-blocks.js';
import { windowFeeds } from './known-future.js';
import type { Engine, LoadedGraph } from './ports.js';

/** Windows handed over at once: more would only take more memory. */
const batchMax = 256;

/** All that a model says of some windows. */
export interface Outlook {
  /** [B, H]: see Predictor. */
  readonly probabilities: Float32Array;
  /** [B, H] least and greatest of what the members say; only of ensembles. */
  readonly probabilitiesLow?: Float32Array;
  readonly probabilitiesHigh?: Float32Array;
  /** [B] expected steps of remaining useful life, up to the cap of training; only of networks that learned it. */
  readonly remainingLifeSteps?: Float32Array;
  /** [B] conformal interval of it (calibration/life-interval.ts), where there were machines enough to fit one. */
  readonly remainingLifeLowSteps?: Float32Array;
  readonly remainingLifeHighSteps?: Float32Array;
}

/** Outputs of a model, by what they are called here. */
const outputNames: Readonly<Record<keyof Outlook, string>> = {
  probabilities: 'failureProbabilities',
  probabilitiesLow: 'failureProbabilitiesLow',
  probabilitiesHigh: 'failureProbabilitiesHigh',
  remainingLifeSteps: 'remainingLife',
  remainingLifeLowSteps: 'remainingLifeLow',
  remainingLifeHighSteps: 'remainingLifeHigh',
};

interface Pending {
  readonly windows: readonly FeatureWindow[];
  readonly resolve: (outlook: Outlook) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the artifact in `directory`. Throws UserError, naming the fault, when a file is missing or was changed, when
 * it is of another format, when its features are not those of `wanted` (leave it out to take what there is), or when it
 * was trained by another version of the program than `running` (see readArtifact).
 */
export async function openPredictor(
  directory: string,
  engine: Engine,
  wanted?: FeatureSpec,
  running?: string,
): Promise<NetworkPredictor> {
  const { version, preprocessing, model } = await readArtifact(directory, running);
  if ('network' in preprocessing)
    throw new UserError(
      `${directory} forecasts values, not failures: name a network that forecasts failures.`,
    );
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
    this.#graph = inBlocks(graph);
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
        const windows = asked.flatMap((each) => each.windows);
        const all = await this.#predictAll(windows);
        let row = 0;
        for (const each of asked) {
          const end = row + each.windows.length;
          each.resolve(rowsOf(all, row, end, windows.length));
          row = end;
        }
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#pump = undefined;
  }

  async #predictAll(windows: readonly FeatureWindow[]): Promise<Outlook> {
    const { contextSteps, names } = this.spec;
    const length = contextSteps * names.length;
    const all: Partial<Record<keyof Outlook, Float32Array>> = {};
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
      const outputs = await this.#graph.run(windowFeeds(this.spec, data));
      for (const key of Object.keys(outputNames) as (keyof Outlook)[]) {
        const data = outputs[outputNames[key]]?.data as Float32Array | undefined;
        if (!data) continue;
        const width = data.length / rowCount;
        all[key] ??= new Float32Array(windows.length * width);
        all[key].set(data.subarray(0, chunk.length * width), from * width);
      }
    }
    const { probabilities, ...further } = all;
    assert(probabilities, 'a model with the output failureProbabilities');
    return { probabilities, ...further };
  }
}

/** Rows `from` to `end` of an outlook on `count` windows. */
function rowsOf(outlook: Outlook, from: number, end: number, count: number): Outlook {
  const cut = (values: Float32Array) => {
    const width = values.length / count;
    return values.slice(from * width, end * width);
  };
  const { probabilities, ...further } = outlook;
  return {
    probabilities: cut(probabilities),
    ...Object.fromEntries(Object.entries(further).map(([key, values]) => [key, cut(values)])),
  };
}
