/** A trained value network in use: verified when loaded, then forecasts of values and the health index. */
import { assert } from '../../domain/assert.js';
import { UserError } from '../../domain/errors.js';
import type { FeatureSpec, FeatureWindow } from '../../domain/features.js';
import type { ValueOutlook, ValuePredictor, ValueSensor } from '../../domain/values.js';
import { readArtifact } from '../artifact.js';
import { checkFits } from '../fit.js';
import { inBlocks } from '../in-blocks.js';
import { type Engine, type LoadedGraph, outputOf, type TensorValues } from '../ports.js';
import { expectationStepsMin } from './calibrate-health.js';
import { departures, earlierRows, healthOutlook, indexTrail } from './health.js';
import { standardisedRows } from './targets.js';
import type { ValuePreprocessing } from './value-preprocessing.js';

const batchMax = 256;

/** As openPredictor. */
export async function openValuePredictor(
  directory: string,
  engine: Engine,
  wanted?: FeatureSpec,
  running?: string,
): Promise<ValueNetworkPredictor> {
  const { version, preprocessing, model } = await readArtifact(directory, running);
  if (!('network' in preprocessing))
    throw new UserError(`${directory} forecasts failures, not values: name a network that forecasts values.`);
  const misfit = wanted && checkFits(preprocessing.spec, wanted);
  if (misfit !== undefined)
    throw new UserError(
      `The model in ${directory} does not fit machine type "${wanted?.machineType}": ${misfit}. Train again with \`millwright train\`.`,
    );
  return new ValueNetworkPredictor(version, preprocessing, await engine.load(model));
}

export class ValueNetworkPredictor implements ValuePredictor {
  readonly version: string;
  readonly #preprocessing: ValuePreprocessing;
  readonly #graph: LoadedGraph;

  /** `graph` is that of buildValueForecast. */
  constructor(version: string, preprocessing: ValuePreprocessing, graph: LoadedGraph) {
    this.version = version;
    this.#preprocessing = preprocessing;
    this.#graph = inBlocks(graph);
  }

  get spec(): FeatureSpec {
    return this.#preprocessing.spec;
  }

  get sensors(): readonly ValueSensor[] {
    return this.#preprocessing.sensors;
  }

  async foresee(windows: readonly FeatureWindow[]): Promise<ValueOutlook[]> {
    const outlooks: ValueOutlook[] = [];
    for (let from = 0; from < windows.length; from += batchMax)
      outlooks.push(...(await this.#foreseeSome(windows.slice(from, from + batchMax))));
    return outlooks;
  }

  close(): Promise<void> {
    return this.#graph.close();
  }

  async #foreseeSome(windows: readonly FeatureWindow[]): Promise<ValueOutlook[]> {
    const { spec } = this;
    const { horizonSteps } = spec;
    const now = await this.#run(windows.map(({ rows }) => rows));
    const comparable = windows.filter((window) => this.#obstacleTo(window) === '');
    const before =
      comparable.length === 0
        ? undefined
        : outputOf(
            await this.#run(comparable.map(({ rows }) => earlierRows(rows, spec, horizonSteps))),
            'expected',
          );
    const said = (['low', 'median', 'high'] as const).map((name) => outputOf(now, name).data as Float32Array);
    const width = this.sensors.length * horizonSteps;
    return windows.map((window, index): ValueOutlook => {
      const sensors = this.sensors.map(({ name }, sensor) => {
        const at = index * width + sensor * horizonSteps;
        const [low, median, high] = said.map((values) => [...values.subarray(at, at + horizonSteps)]);
        return { sensor: name, low: low!, median: median!, high: high! };
      });
      const place = comparable.indexOf(window);
      if (place < 0) return { sensors, health: null, healthReason: this.#obstacleTo(window) };
      const expected = (before!.data as Float32Array).subarray(place * width, (place + 1) * width);
      return { sensors, ...this.#health(window, expected) };
    });
  }

  /** Why there can be no health index, in words; '' if nothing is in the way. */
  #obstacleTo({ stepCount }: FeatureWindow): string {
    if (this.#preprocessing.health === null)
      return `model ${this.version} has no health index: there were too few healthy steps to learn what is usual`;
    const wanted = this.spec.horizonSteps + expectationStepsMin;
    return stepCount < wanted ? `history too short for a health index: ${stepCount} of ${wanted} steps` : '';
  }

  #health({ rows }: FeatureWindow, expected: Float32Array): Pick<ValueOutlook, 'health' | 'healthReason'> {
    const { horizonSteps, contextSteps, names } = this.spec;
    const { network, health } = this.#preprocessing;
    assert(health, 'a calibrated health index');
    const since = rows.subarray((contextSteps - horizonSteps) * names.length);
    const columns = this.sensors.map(({ column }) => column);
    const seen = standardisedRows(since, network, columns);
    const trail = indexTrail(departures(expected, seen, columns.length), health.deviationSds);
    return trail
      ? { health: healthOutlook(trail, health), healthReason: '' }
      : { health: null, healthReason: 'too few readings for a health index' };
  }

  #run(rows: readonly Float32Array[]): Promise<TensorValues> {
    const { contextSteps, names } = this.spec;
    const length = contextSteps * names.length;
    // A lone window goes in twice, as in predict.ts: the same last bits whatever else is asked with it.
    const count = Math.max(2, rows.length);
    const data = new Float32Array(count * length);
    if (rows.length === 1) data.set(rows[0]!, length);
    rows.forEach((each, index) => {
      assert(each.length === length, `a window of ${length} values (context × features), got ${each.length}`);
      data.set(each, index * length);
    });
    return this.#graph.run({ windows: { dims: [count, contextSteps, names.length], data } });
  }
}
