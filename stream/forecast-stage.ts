/**
 * The stage `steps` -> `forecasts`: windows of the steps of a batch, one prediction for many machines at once, a
 * ForecastRecord per window in the order of the steps. Events and ticks pass through in their places. What a challenger says of the
 * same windows goes to the topic `shadows`.
 */
import type { Buffer } from 'node:buffer';
import type { Fallback, SimpleRung } from '../domain/fallback.js';
import type { FeatureSpec, Predictor } from '../domain/features.js';
import type { ForecastRecord, ForecastValues } from '../domain/forecast.js';
import type { EventRecord, TickRecord } from '../domain/input.js';
import { listOf } from '../domain/list-of.js';
import type { Batch, Checkpoint, PartitionHandler, PartitionId } from '../domain/log.js';
import type { MachineDirectory } from '../domain/machine-directory.js';
import type { MachineType } from '../domain/machine-type.js';
import type { Measure } from '../domain/measure.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import { limitPassings, type ValueOutlook, type ValuePredictor } from '../domain/values.js';
import { curveFault, obstacleIn, tooFewReadings } from './assessable.js';
import { featureSpec } from './features.js';
import { forecastRecord } from './forecast-record.js';
import { judgeCurve, Ladder, type SimpleView, simpleCurve, type Verdict, viewOf } from './ladder.js';
import { type Measurer, makeMeasurer } from './measurer.js';
import { ShadowScorer } from './shadow-scorer.js';
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
  /** A challenger that scores the same windows, if there is one; asked as often. */
  readonly shadowFor?: (type: string) => Predictor | undefined;
  /** What rules ask of the sensors of a machine type; default: nothing. */
  readonly measuresOf?: (type: string) => readonly Measure[];
  /** Told of every forecast that is made. */
  readonly onForecast?: ((forecast: ForecastRecord) => void) | undefined;
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
  readonly #ladder = new Ladder();

  constructor(stage: ForecastStage, partition: number) {
    this.#stage = stage;
    this.#partition = partition;
    this.#windows = new WindowOperator(stage.types, stage.directory);
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    const entries = [...state];
    this.#windows.restore(entries.filter(({ key }) => !Ladder.owns(key)));
    this.#ladder.restore(entries.filter(({ key }) => Ladder.owns(key)));
  }

  async process(batch: Batch): Promise<Checkpoint | null> {
    const last = batch.records.at(-1);
    if (!last) return null;
    const outputs: (Output | undefined)[] = [];
    const models = new Map<string, Model>();
    const { types, shadowFor = () => undefined, batchWindowsMax } = this.#stage;
    const shadows = new ShadowScorer(types, shadowFor, batchWindowsMax);
    for (const record of batch.records) {
      const decoded = decodeRecord(topics.steps, record);
      if (decoded.kind !== 'step') {
        if (decoded.kind === 'event') {
          this.#windows.event(decoded);
          if (decoded.event === 'retired') {
            for (const model of models.values()) await model.predict(outputs); // what came before it is remembered first
            this.#ladder.forget(decoded.machine);
          }
        }
        outputs.push(decoded);
        continue;
      }
      for (const window of this.#windows.step(decoded)) {
        shadows.add(window, record.offset);
        const model = this.#modelFor(window.type, models);
        const place = outputs.length;
        const unasked = model.withoutAsking(window, record.offset);
        outputs.push(unasked);
        if (unasked) continue;
        model.pending.push({ window, place, stepOffset: record.offset });
        if (model.pending.length >= this.#stage.batchWindowsMax) await model.predict(outputs);
      }
    }
    for (const model of models.values()) await model.predict(outputs);
    const shadowed = await shadows.score();
    this.#windows.releaseWindows();
    const { onForecast } = this.#stage;
    if (onForecast) for (const output of outputs) if (output?.kind === 'forecast') onForecast(output);
    return {
      nextOffset: last.offset + 1,
      outputs: [
        ...(outputs as Output[]).map((output) => encodeRecord(topics.forecasts, this.#partition, output)),
        ...shadowed.map((forecast) => encodeRecord(topics.shadows, this.#partition, forecast)),
      ],
      state: [...this.#windows.takeChanges(), ...this.#ladder.takeChanges()],
    };
  }

  close(): void {}

  #modelFor(typeName: string, models: Map<string, Model>): Model {
    let model = models.get(typeName);
    if (!model) {
      const type = this.#stage.types.get(typeName) as MachineType;
      model = new Model(type, this.#stage, this.#ladder);
      models.set(typeName, model);
    }
    return model;
  }
}

/** Of a window whose step is closed. */
interface Said {
  readonly status: Exclude<ForecastRecord['status'], 'provisional'>;
  readonly reason: string;
  readonly rung?: SimpleRung;
  /** Empty: not assessable. */
  readonly curve: Float32Array;
  readonly values?: ForecastValues | undefined;
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
  readonly #ladder: Ladder;
  /** undefined, too, where its features are not the type's. */
  readonly #fallback: Fallback | undefined;

  constructor(type: MachineType, stage: ForecastStage, ladder: Ladder) {
    const predictor = stage.predictorFor(type.name);
    const values = stage.valuePredictorFor?.(type.name);
    const measures = stage.measuresOf?.(type.name) ?? [];
    this.#measure = measures.length > 0 ? makeMeasurer(featureSpec(type), measures) : undefined;
    this.#type = type;
    this.#predictor = predictor;
    this.#values = values && describeMisfit(type, values) === '' ? values : undefined;
    const model = predictor ?? values;
    this.#misfit = model ? describeMisfit(type, model) : `no model for machine type ${type.name}`;
    this.#ladder = ladder;
    this.#fallback = this.#misfit === '' ? predictor?.fallback : undefined;
  }

  /**
   * What is said of a window that no network is asked about; undefined: one is to be asked. A short history leaves the age.
   * Silence leaves nothing, whatever the age: it is to be seen.
   */
  withoutAsking(window: IssuedWindow, stepOffset: number): ForecastRecord | undefined {
    const { stepCount } = window.window;
    const obstacle = this.#misfit || obstacleIn(this.#type, stepCount, window.coverage);
    if (obstacle === '') return undefined;
    const isYoung = tooFewReadings(this.#type, window.coverage) === '';
    return this.#simple(isYoung ? this.#fallback : undefined, window, stepOffset, 'age', obstacle);
  }

  /** Predicts all that is pending and puts the forecasts in their places. */
  async predict(outputs: (Output | undefined)[]): Promise<void> {
    const pending = this.pending.splice(0);
    if (pending.length === 0) return;
    const windows = pending.map(({ window }) => window.window);
    const broken = this.#predictor?.fault;
    const asked = broken === undefined ? this.#predictor?.predict(windows) : undefined;
    // While the network is at work, in threads of its own.
    const fallback = this.#fallback;
    const views = fallback ? windows.map((window) => viewOf(fallback, window)) : [];
    const curves = await asked;
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
        broken ??
        (!curves && !outlook?.health
          ? (outlook?.healthReason ?? '')
          : curve.length === horizon
            ? curveFault(curve)
            : 'the model gave too few values');
      const { rung, reason } = this.#stand(window, views[index], curve, fault);
      outputs[place] =
        rung === 'network'
          ? this.#forecast(window, stepOffset, { status: 'ok', reason: '', curve, values })
          : this.#simple(this.#fallback, window, stepOffset, rung, reason, values);
    });
  }

  /** What the forecast rests on, `fault` being what is wrong with the network, or with what it said. */
  #stand(window: IssuedWindow, view: SimpleView | undefined, curve: Float32Array, fault: string): Verdict {
    const verdict = judgeCurve(this.#fallback, view, curve, fault);
    // A network that cannot be used is no fault of a machine's windows: there is nothing to remember of them.
    if (!this.#fallback || this.#predictor?.fault !== undefined) return verdict;
    return this.#ladder.stand(window, this.#predictor?.version ?? '', verdict, this.#type.revisionSteps);
  }

  /** By the simple models, or not at all. */
  #simple(
    fallback: Fallback | undefined,
    window: IssuedWindow,
    stepOffset: number,
    rung: SimpleRung,
    reason: string,
    values?: ForecastValues,
  ): ForecastRecord {
    const simple = fallback && simpleCurve(fallback, window.window, rung);
    return this.#forecast(
      window,
      stepOffset,
      simple
        ? { status: 'fallback', reason, ...simple, values }
        : { status: 'not-assessable', reason, curve: new Float32Array(0), values },
    );
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
    { status, reason, rung, curve, values }: Said,
  ): ForecastRecord {
    const isProvisional = !window.final && status !== 'not-assessable';
    const open = isProvisional ? ['the newest step is still open'] : [];
    return forecastRecord(window, stepOffset, {
      status: isProvisional ? 'provisional' : status,
      reason: [...open, reason].filter((each) => each !== '').join('; '),
      model: (this.#predictor ?? this.#values)?.version ?? '',
      probabilities: listOf(curve),
      ...(rung ? { rung } : {}),
      ...(this.#measure ? { measured: this.#measure(window.window) } : {}),
      ...(!this.#predictor && this.#values ? { curve: 'health-limit' as const } : {}),
      ...(values ? { values } : {}),
    });
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
