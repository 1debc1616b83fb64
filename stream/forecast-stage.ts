/**
 * The stage `steps` -> `forecasts`: windows of the steps of a batch, one prediction for many machines at once, a
 * ForecastRecord per window in the order of the steps. Events and ticks pass through in their places.
 */
import type { Buffer } from 'node:buffer';
import type { FeatureSpec, Predictor } from '../domain/features.js';
import { expectedDay, type ForecastRecord, type ForecastValues } from '../domain/forecast.js';
import type { EventRecord, TickRecord } from '../domain/input.js';
import { listOf } from '../domain/list-of.js';
import type { Batch, Checkpoint, PartitionHandler, PartitionId } from '../domain/log.js';
import type { MachineDirectory } from '../domain/machine-directory.js';
import type { MachineType } from '../domain/machine-type.js';
import type { Measure } from '../domain/measure.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import { limitPassings, type ValueOutlook, type ValuePredictor } from '../domain/values.js';
import { curveFault, obstacleIn } from './assessable.js';
import { featureSpec } from './features.js';
import { type Measurer, makeMeasurer } from './measurer.js';
import { significant } from './significant.js';
import { type IssuedWindow, WindowOperator } from './window-operator.js';

export interface ForecastStage {
  readonly types: ReadonlyMap<string, MachineType>;
  /** Gives the static attributes of machines. */
  readonly directory: MachineDirectory;
  /** The model for a machine type, if there is one. Asked once per batch: it may change between batches. */
  readonly predictorFor: (type: string) => Predictor | undefined;
  /** What forecasts the values of its sensors, if there is anything; asked as often. */
  readonly valuePredictorFor?: (type: string) => ValuePredictor | undefined;
  /** What rules ask of the sensors of a machine type; default: nothing. */
  readonly measuresOf?: (type: string) => readonly Measure[];
  /** Greatest number of windows in one call of a predictor: bounds memory. */
  readonly batchWindowsMax: number;
}

export function makeForecastStage(stage: ForecastStage): (partition: PartitionId) => PartitionHandler {
  return ({ partition }) => new ForecastPartition(stage, partition);
}

/** A window waiting for its prediction; `place` is where in the output its forecast goes. */
interface Pending {
  readonly window: IssuedWindow;
  readonly stepOffset: number;
  readonly place: number;
}

type Output = ForecastRecord | EventRecord | TickRecord;

class ForecastPartition implements PartitionHandler {
  readonly #stage: ForecastStage;
  readonly #partition: number;
  readonly #windows: WindowOperator;

  constructor(stage: ForecastStage, partition: number) {
    this.#stage = stage;
    this.#partition = partition;
    this.#windows = new WindowOperator(stage.types, stage.directory);
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    this.#windows.restore(state);
  }

  async process(batch: Batch): Promise<Checkpoint | null> {
    const last = batch.records.at(-1);
    if (!last) return null;
    const outputs: (Output | undefined)[] = [];
    const models = new Map<string, Model>();
    for (const record of batch.records) {
      const decoded = decodeRecord(topics.steps, record);
      if (decoded.kind !== 'step') {
        if (decoded.kind === 'event') this.#windows.event(decoded);
        outputs.push(decoded);
        continue;
      }
      for (const window of this.#windows.step(decoded)) {
        const model = this.#modelFor(window.type, models);
        const place = outputs.length;
        const obstacle = model.obstacleTo(window);
        outputs.push(obstacle === '' ? undefined : model.refuse(window, obstacle, record.offset));
        if (obstacle !== '') continue;
        model.pending.push({ window, place, stepOffset: record.offset });
        if (model.pending.length >= this.#stage.batchWindowsMax) await model.predict(outputs);
      }
    }
    for (const model of models.values()) await model.predict(outputs);
    this.#windows.releaseWindows();
    return {
      nextOffset: last.offset + 1,
      outputs: (outputs as Output[]).map((output) => encodeRecord(topics.forecasts, this.#partition, output)),
      state: this.#windows.takeChanges(),
    };
  }

  close(): void {}

  #modelFor(typeName: string, models: Map<string, Model>): Model {
    let model = models.get(typeName);
    if (!model) {
      const type = this.#stage.types.get(typeName) as MachineType;
      model = new Model(type, this.#stage);
      models.set(typeName, model);
    }
    return model;
  }
}

/** The predictor of one machine type during one batch. */
class Model {
  readonly pending: Pending[] = [];
  readonly #type: MachineType;
  readonly #predictor: Predictor | undefined;
  /** undefined, too, where its features are not the type's: forecasts of failures go on without it. */
  readonly #values: ValuePredictor | undefined;
  readonly #misfit: string;
  readonly #measure: Measurer | undefined;

  constructor(type: MachineType, stage: ForecastStage) {
    const predictor = stage.predictorFor(type.name);
    const values = stage.valuePredictorFor?.(type.name);
    const measures = stage.measuresOf?.(type.name) ?? [];
    this.#measure = measures.length > 0 ? makeMeasurer(featureSpec(type), measures) : undefined;
    this.#type = type;
    this.#predictor = predictor;
    this.#values = values && describeMisfit(type, values) === '' ? values : undefined;
    const model = predictor ?? values;
    this.#misfit = model ? describeMisfit(type, model) : `no model for machine type ${type.name}`;
  }

  /** Why there can be no forecast from a window, in words; '' if nothing is in the way. */
  obstacleTo(window: IssuedWindow): string {
    return this.#misfit || obstacleIn(this.#type, window.window.stepCount, window.coverage);
  }

  refuse(window: IssuedWindow, reason: string, stepOffset: number): ForecastRecord {
    return this.#forecast(window, stepOffset, 'not-assessable', reason, []);
  }

  /** Predicts all that is pending and puts the forecasts in their places. */
  async predict(outputs: (Output | undefined)[]): Promise<void> {
    const pending = this.pending.splice(0);
    if (pending.length === 0) return;
    const windows = pending.map(({ window }) => window.window);
    const curves = await this.#predictor?.predict(windows);
    const outlooks = await this.#values?.foresee(windows);
    const horizon = this.#type.horizonSteps;
    pending.forEach(({ window, place, stepOffset }, index) => {
      const outlook = outlooks?.[index];
      const values = outlook && this.#describeValues(outlook);
      // Where failures are known, their curve; the health index stands in only where there is none.
      const curve = curves
        ? curves.subarray(index * horizon, (index + 1) * horizon)
        : Float32Array.from(outlook?.health?.probabilities ?? []);
      const fault =
        !curves && !outlook?.health
          ? (outlook?.healthReason ?? '')
          : curve.length === horizon
            ? curveFault(curve)
            : 'the model gave too few values';
      const status = window.final ? 'ok' : 'provisional';
      const reason = window.final ? '' : 'the newest step is still open';
      outputs[place] =
        fault === ''
          ? this.#forecast(window, stepOffset, status, reason, listOf(curve), values)
          : this.#forecast(window, stepOffset, 'not-assessable', fault, [], values);
    });
  }

  #describeValues({ sensors, health }: ValueOutlook): ForecastValues {
    const rounded = sensors.map(({ sensor, low, median, high }) => ({
      sensor,
      low: low.map(significant),
      median: median.map(significant),
      high: high.map(significant),
    }));
    const limitsOf = (name: string) => this.#type.sensors.find((sensor) => sensor.name === name);
    return {
      model: this.#values?.version ?? '',
      sensors: rounded,
      passings: rounded.flatMap((forecast) => {
        const { lowLimit, highLimit } = limitsOf(forecast.sensor) ?? {};
        return limitPassings(forecast, { low: lowLimit, high: highLimit });
      }),
      healthIndex: health && significant(health.index),
    };
  }

  #forecast(
    window: IssuedWindow,
    stepOffset: number,
    status: ForecastRecord['status'],
    reason: string,
    probabilities: readonly number[],
    values?: ForecastValues,
  ): ForecastRecord {
    return {
      kind: 'forecast',
      machine: window.machine,
      type: window.type,
      site: window.site,
      line: window.line,
      originMs: window.originMs,
      stepIndex: window.stepIndex,
      revision: window.revision,
      status,
      reason,
      model: (this.#predictor ?? this.#values)?.version ?? '',
      ...(this.#measure ? { measured: this.#measure(window.window) } : {}),
      ...(!this.#predictor && this.#values ? { curve: 'health-limit' as const } : {}),
      probabilities,
      expectedDay: expectedDay(probabilities),
      coverage: window.coverage,
      silentSensors: window.silentSensors,
      stepOffset,
      ...(values ? { values } : {}),
    };
  }
}

/** Where a model's features differ from the machine type's, in words; '' if they are the same. */
function describeMisfit(
  type: MachineType,
  { spec, version }: { readonly spec: FeatureSpec; readonly version: string },
): string {
  const wanted = featureSpec(type);
  const column = wanted.names.findIndex((name, index) => name !== spec.names[index]);
  if (column >= 0)
    return `model ${version} has feature "${spec.names[column] ?? 'none'}" where machine type ${type.name} has "${wanted.names[column]}": train again`;
  if (spec.names.length > wanted.names.length)
    return `model ${version} also wants feature "${spec.names[wanted.names.length]}": train again`;
  if (spec.plannedVisits && spec.plannedVisits.everySteps !== wanted.plannedVisits?.everySteps)
    return `model ${version} knows of visits every ${spec.plannedVisits.everySteps} steps, machine type ${type.name} has ${wanted.plannedVisits ? `them every ${wanted.plannedVisits.everySteps}` : 'none planned'}: train again`;
  for (const extent of ['contextSteps', 'horizonSteps'] as const)
    if (spec[extent] !== wanted[extent])
      return `model ${version} has ${extent} ${spec[extent]}, machine type ${type.name} has ${wanted[extent]}: train again`;
  return '';
}
