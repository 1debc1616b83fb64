/** Explains forecasts of the store: finds the window and the network that made one, and asks what moved it. */
import { join } from 'node:path';
import { UserError } from '../domain/errors.js';
import { rungWords } from '../domain/fallback.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { MachineType } from '../domain/machine-type.js';
import type { StepRecord } from '../domain/step.js';
import type { Store } from '../domain/store.js';
import { defaultTargetDay } from '../infra/http/moved.js';
import type { ExplainedFeature, ExplanationWire } from '../infra/http/wire.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import { readArtifact } from '../model/artifact.js';
import { type Attribution, Explainer } from '../model/explanation/explainer.js';
import { type GateValues, readGates } from '../model/explanation/gates.js';
import { readNetworks } from '../model/explanation/stored-networks.js';
import { featureSpec } from '../stream/features.js';
import { type IssuedWindow, WindowOperator } from '../stream/window-operator.js';
import type { Deployment } from './config.js';
import { explanationWords } from './explanation-words.js';
import { currentVersionFolder, versionsFolder } from './model-folder.js';

export interface ExplanationOptions {
  /** Plant time: the newest forecast not after it. Default: the newest. */
  readonly atMs?: number;
  /** Day of the horizon, 1..H. Default: the expected day of failure, or the seventh. */
  readonly day?: number;
}

/** A forecast, the window that it was made from, and the folder of the network to ask. */
export interface ForecastOrigin {
  readonly forecast: ForecastRecord;
  readonly type: MachineType;
  readonly issued: IssuedWindow;
  readonly stepEndsMs: readonly number[];
  readonly directory: string;
}

export interface GateReport {
  readonly machine: string;
  readonly originMs: number;
  readonly model: string;
  /** Ends of the window's steps, oldest first; the newest of them are those that gates have values for. */
  readonly stepEndsMs: readonly number[];
  readonly networks: readonly (readonly GateValues[])[];
}

/** Networks kept open to explain with. */
const openMax = 4;

/** With an engine of its own, so that explaining never keeps a forecast waiting. */
export class Explanations {
  readonly #deployment: Deployment;
  readonly #store: Store;
  readonly #engine = new OnnxEngine();
  /** By folder, the least recently used first. */
  readonly #explainers = new Map<string, Promise<Explainer>>();

  constructor(deployment: Deployment, store: Store) {
    this.#deployment = deployment;
    this.#store = store;
  }

  /** UserError where there is no forecast, or none that could be made, or its network cannot be differentiated. */
  async explain(machine: string, options: ExplanationOptions = {}): Promise<ExplanationWire> {
    const origin = await findOrigin(this.#deployment, this.#store, machine, options.atMs);
    const { forecast, issued, directory } = origin;
    const explainer = await this.#explainerOf(directory);
    const day = options.day ?? defaultTargetDay(forecast);
    return describe(origin, explainer, await explainer.explain(issued.window, day));
  }

  /** What the gates of the forecast's network did over its window; of every member of an ensemble. */
  async gates(machine: string, options: ExplanationOptions = {}): Promise<GateReport> {
    const origin = await findOrigin(this.#deployment, this.#store, machine, options.atMs);
    const { forecast, issued, directory, stepEndsMs } = origin;
    const artifact = await readArtifact(directory);
    const networks: (readonly GateValues[])[] = [];
    for (const network of readNetworks(artifact))
      networks.push(await readGates(network, issued.window, this.#engine));
    const { version } = artifact;
    return { machine, originMs: forecast.originMs, model: version, stepEndsMs, networks };
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #explainerOf(directory: string): Promise<Explainer> {
    const explainer =
      this.#explainers.get(directory) ??
      readArtifact(directory).then((artifact) => Explainer.open(artifact, this.#engine));
    this.#explainers.delete(directory);
    this.#explainers.set(directory, explainer);
    explainer.catch(() => this.#explainers.delete(directory));
    const [oldest] = this.#explainers;
    if (oldest && this.#explainers.size > openMax) {
      this.#explainers.delete(oldest[0]);
      oldest[1].then((old) => old.close()).catch(() => {});
    }
    return explainer;
  }
}

/** What the newest forecast not after `atMs` was made from. UserError: see Explanations.explain. */
export async function findOrigin(
  { types, directory: machines, config }: Deployment,
  store: Store,
  machine: string,
  atMs?: number,
): Promise<ForecastOrigin> {
  const until = atMs === undefined ? {} : { toMs: atMs + 1 };
  const [forecast] = await store.forecasts(machine, { ...until, limit: 1 });
  if (!forecast)
    throw new UserError(
      `there is no forecast of "${machine}"${atMs === undefined ? '' : ` up to ${new Date(atMs).toISOString()}`}: nothing to explain`,
    );
  if (forecast.probabilities.length === 0)
    throw new UserError(`${machine} cannot be assessed, so there is nothing to explain: ${forecast.reason}`);
  if (forecast.rung)
    throw new UserError(
      `the forecast of ${machine} rests on ${rungWords[forecast.rung]}, not on the network that could be explained: ${forecast.reason}`,
    );
  const type = types.get(forecast.type);
  if (!type)
    throw new UserError(`${machine} is of type ${forecast.type}, which this configuration does not have`);
  const steps = await store.steps(machine, {
    toMs: forecast.originMs,
    limit: type.contextSteps + type.revisionSteps,
  });
  const windows = new WindowOperator(types, machines);
  const issued = steps.toReversed().flatMap((step) => windows.step(step));
  const own = issued.findLast(({ originMs }) => originMs === forecast.originMs);
  if (!own)
    throw new UserError(
      `the steps behind the forecast of "${machine}" are not in the store, not yet or no more: nothing to explain`,
    );
  return {
    forecast,
    type,
    issued: own,
    stepEndsMs: stepEnds(steps, own),
    directory: await folderOf(config.model.dir, forecast),
  };
}

/** The folder of the forecast's network, or of the one in use where that is gone. */
async function folderOf(modelDir: string, { type, model }: ForecastRecord): Promise<string> {
  const own = join(versionsFolder(modelDir, type), model);
  try {
    await readArtifact(own);
    return own;
  } catch (error) {
    const current = await currentVersionFolder(modelDir, type);
    if (current === undefined) throw error;
    return current;
  }
}

/** Ends of the steps of a window, oldest first. A step without a record ended as long before the next as that lasted. */
function stepEnds(steps: readonly StepRecord[], { originMs, stepIndex, window }: IssuedWindow): number[] {
  const known = new Map(steps.map((step) => [step.stepIndex, step]));
  const ends: number[] = [];
  let endMs = originMs;
  for (let back = 0; back < window.stepCount; back++) {
    const step = known.get(stepIndex - back);
    ends.unshift(step?.endMs ?? endMs);
    endMs = step?.startMs ?? 2 * endMs - (ends[1] ?? endMs);
  }
  return ends;
}

function describe(
  { forecast, type, issued, stepEndsMs }: ForecastOrigin,
  { version, spec }: Explainer,
  { day, probability, baseline, error, attributions }: Attribution,
): ExplanationWire {
  const { names, units } = featureSpec(type);
  const width = names.length;
  const first = spec.contextSteps - issued.window.stepCount;
  const sensors = new Set(type.sensors.map(({ name }) => name));
  const features = names.map((name, column): ExplainedFeature => {
    const places = stepEndsMs.map((_, step) => (first + step) * width + column);
    return {
      name,
      unit: units[column] ?? '',
      group: groupOf(name, sensors),
      values: places.map((at) => finite(issued.window.rows[at])),
      attributions: places.map((at) => attributions[at] ?? 0),
    };
  });
  const about = {
    machine: forecast.machine,
    type: forecast.type,
    originMs: forecast.originMs,
    model: version,
    forecastModel: forecast.model,
    day,
    probability,
    baseline,
    error,
    forecastProbability: forecast.probabilities[day - 1] ?? Number.NaN,
    stepEndsMs,
    features,
  };
  return { ...about, words: explanationWords(about) };
}

function groupOf(feature: string, sensors: ReadonlySet<string>): string {
  const [first = feature] = feature.split('.');
  if (sensors.has(first)) return first;
  return { event: 'events', since: 'maintenance', attr: 'attributes' }[first] ?? feature;
}

function finite(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : Number(value.toPrecision(6));
}
