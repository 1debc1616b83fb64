/**
 * What windowing costs, as JSON: readings per second and per CPU-second, bytes of state per machine, and the time
 * to close 10,000 machines at once. Usage: node dist/bench/stream.js [--quick]
 */
import { cpus } from 'node:os';
import type { Predictor } from '../domain/features.js';
import type { InputRecord, ReadingsRecord } from '../domain/input.js';
import type { LogRecord, NewRecord, PartitionHandler } from '../domain/log.js';
import { MachineDirectory, machineEntrySchema } from '../domain/machine-directory.js';
import { machineTypeSchema } from '../domain/machine-type.js';
import { Rng } from '../domain/rng.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import { featureSpec } from '../stream/features.js';
import { makeForecastStage } from '../stream/forecast-stage.js';
import { StepOperator } from '../stream/step-operator.js';
import type { StepOutput } from '../stream/step-output.js';
import { makeStepStage } from '../stream/step-stage.js';

const quick = process.argv.includes('--quick');
const minuteMs = 60_000;
const dayMs = 86_400_000;
const startMs = Date.UTC(2024, 0, 1);
const sensorNames = Array.from({ length: 10 }, (_, index) => `sensor_${index}`);
const type = machineTypeSchema.parse({
  name: 'pump',
  sensors: sensorNames.map((name) => ({ name, expectedPerStep: 1440 })),
  aggregates: ['mean', 'std', 'last'],
  minimumSteps: 1,
  minimumCoverage: 0,
});
const types = new Map([['pump', type]]);
const directory = new MachineDirectory([machineEntrySchema.parse({ match: '*', type: 'pump' })]);
const rng = new Rng(1);

function readings(machine: string, fromMs: number, timeCount: number, jitterMs = 0): ReadingsRecord {
  const sensors: string[] = [];
  const timesMs: number[] = [];
  const values: number[] = [];
  for (let k = 0; k < timeCount; k++) {
    const timeMs = fromMs + k * minuteMs + rng.int(jitterMs + 1);
    for (const name of sensorNames) {
      sensors.push(name);
      timesMs.push(timeMs);
      values.push(Math.round(rng.normal() * 1000) / 1000);
    }
  }
  const ingestTimeMs = fromMs + timeCount * minuteMs;
  return {
    kind: 'readings',
    machine,
    type: 'pump',
    site: 'a',
    line: 'b',
    ingestTimeMs,
    sensors,
    timesMs,
    values,
  };
}

/** One reading of one sensor of each record, in turn. */
function single(record: ReadingsRecord): ReadingsRecord[] {
  return record.sensors.map((sensor, i) => ({
    ...record,
    sensors: [sensor],
    timesMs: [record.timesMs[i] as number],
    values: [record.values[i] as number],
  }));
}

function asLog(records: readonly NewRecord[], firstOffset = 0): LogRecord[] {
  return records.map((record, index) => ({ ...record, offset: firstOffset + index }));
}

function encodeInputs(records: readonly InputRecord[]): LogRecord[] {
  return asLog(records.map((record) => encodeRecord(topics.inputs, 0, record)));
}

interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

function measure(work: () => void): Cost {
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  work();
  const cpu = process.cpuUsage(cpuBefore);
  return { seconds: (performance.now() - before) / 1000, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

function windowing(records: readonly InputRecord[], what: string): Record<string, unknown> {
  const log = encodeInputs(records);
  let readingCount = 0;
  for (const record of records) if (record.kind === 'readings') readingCount += record.sensors.length;
  const run = (take: (record: LogRecord, index: number) => InputRecord): Cost => {
    const operator = new StepOperator(types);
    const output: StepOutput = { steps: [], rejected: [] };
    const cost = measure(() => {
      for (let i = 0; i < log.length; i++) {
        const record = log[i] as LogRecord;
        operator.process(take(record, i), record.offset, output);
      }
    });
    if (operator.ledger.accepted !== readingCount)
      throw new Error(`accepted ${operator.ledger.accepted} of ${readingCount}`);
    return cost;
  };
  const rates = ({ seconds, cpuSeconds }: Cost) => ({
    readingsPerSecond: Math.round(readingCount / seconds),
    readingsPerCpuSecond: Math.round(readingCount / cpuSeconds),
  });
  run((record) => decodeRecord(topics.inputs, record)); // warm
  return {
    what,
    readings: readingCount,
    decodeIncluded: rates(run((record) => decodeRecord(topics.inputs, record))),
    decodeExcluded: rates(run((_, index) => records[index] as InputRecord)),
  };
}

function stateBytes(machineCount: number, minutesApart: number, jitterMs: number): Record<string, unknown> {
  const operator = new StepOperator(types);
  const output: StepOutput = { steps: [], rejected: [] };
  const heapBefore = usedBytes();
  let offset = 0;
  // Two closed days and the present one, in messages of half an hour (or of one reading per sensor, if slower).
  const timeCount = Math.max(1, 30 / minutesApart);
  for (let day = 0; day < 3; day++) {
    for (let m = 0; m < machineCount; m++) {
      for (let minute = 0; minute < 1440; minute += timeCount * minutesApart) {
        const timeMs = startMs + day * dayMs + minute * minuteMs;
        operator.process(
          quickReadings(`machine-${m}`, timeMs, timeCount, minutesApart, jitterMs),
          offset++,
          output,
        );
      }
    }
    if (day < 2) operator.process({ kind: 'tick', timeMs: startMs + (day + 1) * dayMs }, offset++, output);
    output.steps.length = 0;
  }
  let bytes = 0;
  const cost = measure(() => {
    for (const { key, value } of operator.takeChanges()) bytes += key.length + (value?.length ?? 0);
  });
  return {
    machines: machineCount,
    sensors: 10,
    minutesApart,
    jitterMs,
    storedBytesPerMachine: Math.round(bytes / machineCount),
    heapBytesPerMachine: Math.round((usedBytes() - heapBefore) / machineCount),
    secondsToEncodeAll: cost.seconds,
  };
}

/** All sensors at some times, made cheaply. */
const manyNames = Array.from({ length: 300 }, (_, i) => sensorNames[i % 10] as string);
function quickReadings(
  machine: string,
  fromMs: number,
  timeCount: number,
  minutesApart: number,
  jitterMs: number,
): ReadingsRecord {
  const sensors = manyNames.slice(0, timeCount * 10);
  const timesMs: number[] = [];
  const values: number[] = [];
  for (let k = 0; k < timeCount; k++) {
    const timeMs = fromMs + k * minutesApart * minuteMs + (jitterMs && rng.int(jitterMs));
    for (let s = 0; s < 10; s++) {
      timesMs.push(timeMs);
      values.push(s + k / 7);
    }
  }
  return {
    kind: 'readings',
    machine,
    type: 'pump',
    site: 'a',
    line: 'b',
    ingestTimeMs: fromMs,
    sensors,
    timesMs,
    values,
  };
}

function usedBytes(): number {
  // The second waits for what the first has found to be freed.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** All machines close at one tick: stage `inputs` -> `steps`, then `steps` -> `forecasts` with a free predictor. */
async function closing(machineCount: number): Promise<Record<string, unknown>> {
  const spec = featureSpec(type);
  const predictor: Predictor = {
    version: 'free',
    spec,
    predict: (windows) => Promise.resolve(new Float32Array(windows.length * spec.horizonSteps).fill(0.1)),
    close: () => Promise.resolve(),
  };
  const stepStage = makeStepStage({ types, checkpointRecordsMax: 100_000 })({
    topic: topics.inputs,
    partition: 0,
  });
  const forecastStage = makeForecastStage({
    types,
    directory,
    predictorFor: () => predictor,
    batchWindowsMax: 512,
  })({
    topic: topics.steps,
    partition: 0,
  });
  const results: Record<string, unknown>[] = [];
  let offset = 0;
  let stepOffset = 0;
  for (let day = 0; day < 3; day++) {
    const fill: NewRecord[] = [];
    for (let m = 0; m < machineCount; m++)
      fill.push(encodeRecord(topics.inputs, 0, readings(`machine-${m}`, startMs + day * dayMs, 3)));
    await stepStage.process({ topic: topics.inputs, partition: 0, records: asLog(fill, offset) });
    offset += fill.length;
    const tick = encodeRecord(topics.inputs, 0, { kind: 'tick', timeMs: startMs + (day + 1) * dayMs });
    const before = performance.now();
    const cpuBefore = process.cpuUsage();
    const steps = await timed(stepStage, [{ ...tick, offset: offset++ }], topics.inputs);
    const stepRecords = asLog(steps.outputs, stepOffset);
    stepOffset += stepRecords.length;
    const between = performance.now();
    const forecasts: NewRecord[] = [];
    for (let at = 0; at < stepRecords.length; at += 2000)
      forecasts.push(...(await timed(forecastStage, stepRecords.slice(at, at + 2000), topics.steps)).outputs);
    const cpu = process.cpuUsage(cpuBefore);
    results.push({
      day,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      stepStageSeconds: (between - before) / 1000,
      forecastStageSeconds: (performance.now() - between) / 1000,
      stepBytes: Math.round(steps.outputs.reduce((sum, { value }) => sum + value.length, 0) / machineCount),
      forecasts: forecasts.length - 1,
    });
  }
  return { machines: machineCount, closings: results };
}

async function timed(
  handler: PartitionHandler,
  records: readonly LogRecord[],
  topic: string,
): Promise<{ outputs: readonly NewRecord[] }> {
  const checkpoint = await handler.process({ topic, partition: 0, records });
  if (!checkpoint) throw new Error('a checkpoint was expected');
  return checkpoint;
}

const machineCount = 1000;
const batched: ReadingsRecord[] = [];
for (let round = 0; round < (quick ? 2 : 10); round++)
  for (let m = 0; m < machineCount; m++)
    batched.push(readings(`machine-${m}`, startMs + round * 10 * minuteMs, 10));
const singles: ReadingsRecord[] = [];
for (let round = 0; round < (quick ? 5 : 40); round++)
  for (let m = 0; m < machineCount; m++)
    singles.push(...single(readings(`machine-${m}`, startMs + round * minuteMs, 1)));

const result = {
  node: process.version,
  cpu: cpus()[0]?.model,
  windowing: [
    windowing(batched, 'records of 10 sensors x 10 times'),
    windowing(singles, 'records of a single reading'),
  ],
  state: [stateBytes(1000, 1, 0), stateBytes(1000, 1, 999), ...(quick ? [] : [stateBytes(100_000, 60, 0)])],
  closing: await closing(10_000),
};
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
