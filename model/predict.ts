/** Serves an artifact: windows in, failure probabilities out, many machines in one run of the network. */
import { assert } from '../domain/assert.js';
import { UserError, WorldError } from '../domain/errors.js';
import type { Fallback } from '../domain/fallback.js';
import type { FeatureSpec, FeatureWindow, Predictor } from '../domain/features.js';
import { readArtifact } from './artifact.js';
import { SimpleModels } from './fallback/simple-models.js';
import { checkFits } from './fit.js';
import { blockRows } from './in-blocks.js';
import { windowFeeds } from './known-future.js';
import type { Engine, LoadedGraph, TensorValues } from './ports.js';

/** Blocks at the engine at once: it is busy while the event loop does something else, and more would only take more memory. */
const blocksMax = 8;

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

/** What somebody asked for: blocks take its windows in their order. */
interface Asked {
  readonly windows: readonly FeatureWindow[];
  /** Filled as the blocks come back. */
  readonly outlook: Partial<Record<keyof Outlook, Float32Array>>;
  takenCount: number;
  answeredCount: number;
  readonly resolve: (outlook: Outlook) => void;
  readonly reject: (error: unknown) => void;
}

/** Windows `from` to `end` of what was asked for. */
interface Piece {
  readonly asked: Asked;
  readonly from: number;
  readonly end: number;
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
  const { version, preprocessing, model, simpleModels } = await readArtifact(directory, running);
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
  return new NetworkPredictor(version, spec, graph, simpleModels && new SimpleModels(simpleModels));
}

/**
 * Micro-batching: what is asked for while the engine is busy goes together into the next blocks. The engine's thread
 * is never idle while something waits, a lone window does not wait for company, and who asked for few windows does not
 * wait for those of others.
 */
export class NetworkPredictor implements Predictor {
  readonly version: string;
  readonly spec: FeatureSpec;
  readonly fallback: Fallback | undefined;
  readonly #graph: LoadedGraph;
  /** With windows that no block has taken. */
  #waiting: Asked[] = [];
  #waitingCount = 0;
  readonly #running = new Set<Promise<void>>();

  /** `graph` is that of buildForecast. */
  constructor(version: string, spec: FeatureSpec, graph: LoadedGraph, fallback?: Fallback) {
    this.version = version;
    this.spec = spec;
    this.#graph = graph;
    this.fallback = fallback;
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
      this.#waiting.push({ windows, outlook: {}, takenCount: 0, answeredCount: 0, resolve, reject });
      this.#waitingCount += windows.length;
      this.#start();
    });
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#graph.close();
  }

  /** Gives the engine as many blocks as it may have; beside another one, only those that are full. */
  #start(): void {
    if (this.#running.size > 0 && this.#waitingCount < blockRows) return;
    let blockCount = Math.ceil(this.#waitingCount / blockRows);
    for (; blockCount > 0 && this.#running.size < blocksMax; blockCount--) {
      const run = this.#run(this.#take(Math.ceil(this.#waitingCount / blockCount))).then(() => {
        this.#running.delete(run);
        this.#start();
      });
      this.#running.add(run);
    }
  }

  #take(rowCount: number): Piece[] {
    const pieces: Piece[] = [];
    this.#waitingCount -= rowCount;
    for (let left = rowCount; left > 0; ) {
      const asked = this.#waiting[0] as Asked;
      const from = asked.takenCount;
      const end = Math.min(asked.windows.length, from + left);
      pieces.push({ asked, from, end });
      asked.takenCount = end;
      left -= end - from;
      if (end === asked.windows.length) this.#waiting.shift();
    }
    return pieces;
  }

  /** Never rejects: who asked is told. */
  async #run(pieces: readonly Piece[]): Promise<void> {
    const windows = pieces.flatMap(({ asked, from, end }) => asked.windows.slice(from, end));
    const length = this.spec.contextSteps * this.spec.names.length;
    // A lone window goes in twice: matrix products of one row take another path, with other last bits, and a
    // forecast must not depend on which machines happen to be forecast with it.
    const rowCount = Math.max(2, windows.length);
    const data = new Float32Array(rowCount * length);
    for (let row = 0; row < rowCount; row++) data.set((windows[row] ?? windows[0]!).rows, row * length);
    try {
      const outputs = await this.#graph.run(windowFeeds(this.spec, data));
      let row = 0;
      for (const piece of pieces) {
        answer(piece, outputs, row, rowCount);
        row += piece.end - piece.from;
      }
    } catch (error) {
      for (const { asked } of pieces) asked.reject(error);
    }
  }
}

/** Gives a piece its rows of what a block brought back, from `row` on. */
function answer({ asked, from, end }: Piece, outputs: TensorValues, row: number, rowCount: number): void {
  for (const key of Object.keys(outputNames) as (keyof Outlook)[]) {
    const data = outputs[outputNames[key]]?.data as Float32Array | undefined;
    if (!data) continue;
    const width = data.length / rowCount;
    asked.outlook[key] ??= new Float32Array(asked.windows.length * width);
    asked.outlook[key].set(data.subarray(row * width, (row + end - from) * width), from * width);
  }
  asked.answeredCount += end - from;
  if (asked.answeredCount < asked.windows.length) return;
  const { probabilities, ...further } = asked.outlook;
  assert(probabilities, 'a model with the output failureProbabilities');
  asked.resolve({ probabilities, ...further });
}
