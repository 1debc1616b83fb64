/** Runs the two stages on records as a consumer would: batches, checkpoints, crashes; and a predictor made by hand. */
import type { Buffer } from 'node:buffer';
import type { FeatureWindow, Predictor } from '../../domain/features.js';
import type { InputRecord } from '../../domain/input.js';
import type { Checkpoint, LogRecord, NewRecord, PartitionHandler } from '../../domain/log.js';
import { MachineDirectory, machineEntrySchema } from '../../domain/machine-directory.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { Rng } from '../../domain/rng.js';
import {
  decodeRecord,
  encodeRecord,
  type TopicName,
  type TopicRecords,
  topics,
} from '../../domain/topics.js';
import type { ValuePredictor } from '../../domain/values.js';
import { featureSpec } from '../../stream/features.js';
import { makeForecastStage } from '../../stream/forecast-stage.js';
import { makeStepStage } from '../../stream/step-stage.js';

export const directory = new MachineDirectory([
  machineEntrySchema.parse({ match: '*', type: 'press', attributes: { model: 'b' } }),
]);

/** A curve that depends on every number of the window and on where it stands. */
export function makeFakePredictor(type: MachineType): Predictor & { readonly batchSizes: number[] } {
  const spec = featureSpec(type);
  const batchSizes: number[] = [];
  const curve = ({ rows, stepCount }: FeatureWindow): number[] => {
    let sum = stepCount;
    rows.forEach((value, index) => {
      sum += Math.sin(index + (Number.isNaN(value) ? 0.5 : value));
    });
    const hazard = 0.2 + 0.1 * Math.sin(sum);
    return Array.from({ length: spec.horizonSteps }, (_, k) => 1 - (1 - hazard) ** (k + 1));
  };
  return {
    version: 'fake-1',
    spec,
    batchSizes,
    predict: (windows) => {
      batchSizes.push(windows.length);
      return Promise.resolve(Float32Array.from(windows.flatMap(curve)));
    },
    close: () => Promise.resolve(),
  };
}

/** As makeFakePredictor, with a fallback, and curves that are none for about every eighth window. */
export function makeFaultyPredictor(type: MachineType): Predictor {
  const sound = makeFakePredictor(type);
  const { horizonSteps } = sound.spec;
  const flat = (hazard: number) =>
    Float32Array.from({ length: horizonSteps }, (_, k) => 1 - (1 - hazard) ** (k + 1));
  return {
    ...sound,
    fallback: {
      smoothed: ({ stepCount }) => flat(0.01 * stepCount),
      byAge: () => flat(0.05),
      doubtInputs: () => undefined,
      doubtCurve: () => undefined,
    },
    predict: async (windows) => {
      const curves = await sound.predict(windows);
      for (let row = 0; row < windows.length; row++)
        if ((curves[row * horizonSteps] as number) < 0.11)
          curves[row * horizonSteps + horizonSteps - 1] = Number.NaN;
      return curves;
    },
  };
}

export function stepStage(type: MachineType): () => PartitionHandler {
  const stage = makeStepStage({ types: new Map([[type.name, type]]), checkpointRecordsMax: 7 });
  return () => stage({ topic: topics.inputs, partition: 3 });
}

export function forecastStage(
  type: MachineType,
  predictor: Predictor | undefined,
  batchWindowsMax = 100,
  values?: ValuePredictor,
): () => PartitionHandler {
  const types = new Map([[type.name, type]]);
  const stage = makeForecastStage({
    types,
    directory,
    predictorFor: () => predictor,
    valuePredictorFor: () => values,
    batchWindowsMax,
  });
  return () => stage({ topic: topics.steps, partition: 3 });
}

/** With `rng`: batches of any size, and crashes that lose what came after the last checkpoint. */
export async function runStage(
  makeHandler: () => PartitionHandler,
  topic: string,
  records: readonly LogRecord[],
  rng?: Rng,
): Promise<{ outputs: NewRecord[]; state: Map<string, Buffer> }> {
  const outputs: NewRecord[] = [];
  const state = new Map<string, Buffer>();
  let handler = makeHandler();
  let next = 0;
  let saved = 0;
  const save = (checkpoint: Checkpoint | null) => {
    if (!checkpoint) return;
    outputs.push(...checkpoint.outputs);
    for (const { key, value } of checkpoint.state) value ? state.set(key, value) : state.delete(key);
    saved = records.findIndex(({ offset }) => offset >= checkpoint.nextOffset);
    if (saved < 0) saved = records.length;
  };
  while (next < records.length) {
    const size = rng ? 1 + rng.int(9) : records.length;
    const batch = records.slice(next, next + size);
    next += batch.length;
    save(await handler.process({ topic, partition: 3, records: batch }));
    if (rng && rng.uniform() < 0.15) {
      handler.close();
      handler = makeHandler();
      handler.restore(rng.shuffle([...state].map(([key, value]) => ({ key, value }))));
      next = saved;
    }
  }
  return { outputs, state };
}

export function asLog(records: readonly NewRecord[], topic: string): LogRecord[] {
  return records.filter((record) => record.topic === topic).map((record, offset) => ({ ...record, offset }));
}

export function encodeInputs(inputs: readonly InputRecord[]): LogRecord[] {
  return asLog(
    inputs.map((input) => encodeRecord(topics.inputs, 3, input)),
    topics.inputs,
  );
}

export function decodeAll<T extends TopicName>(topic: T, records: readonly NewRecord[]): TopicRecords[T][] {
  return asLog(records, topic).map((record) => decodeRecord(topic, record));
}

/** Inputs to forecasts, both stages. */
export async function runBoth(
  type: MachineType,
  inputs: readonly InputRecord[],
  predictor: Predictor | undefined,
  rng?: Rng,
  values?: ValuePredictor,
): Promise<{ steps: NewRecord[]; forecasts: TopicRecords['forecasts'][] }> {
  const { outputs: steps } = await runStage(stepStage(type), topics.inputs, encodeInputs(inputs), rng);
  const windowsMax = rng ? 1 + rng.int(5) : 100;
  const { outputs } = await runStage(
    forecastStage(type, predictor, windowsMax, values),
    topics.steps,
    asLog(steps, topics.steps),
    rng,
  );
  return { steps, forecasts: decodeAll(topics.forecasts, outputs) };
}
