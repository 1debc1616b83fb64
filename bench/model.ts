/**
 * The network's speed, as JSON: training windows per second at the shape that MEASURED compares engines in
 * (B 64, T 30, F 24, H 64, one thread), and prediction through the predictor, worker thread and preprocessing included.
 *
 *   node dist/bench/model.js [seconds per measurement]
 */
import { performance } from 'node:perf_hooks';
import type { FeatureSpec, FeatureWindow } from '../domain/features.js';
import { Rng } from '../domain/rng.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import { type NetworkShape, networkLayout } from '../model/network.js';
import { buildForecast, buildTrainingStep } from '../model/network-graph.js';
import { adamwSchedule } from '../model/optimizers/adamw.js';
import { initializeParameters, parameterCount } from '../model/parameters.js';
import type { TensorValue } from '../model/ports.js';
import { outputOf } from '../model/ports.js';
import { NetworkPredictor } from '../model/predict.js';
import { inputSize, type Preprocessing } from '../model/preprocessing.js';

const seconds = Number(process.argv[2] ?? 3);
const batchSize = 64;
const spec: FeatureSpec = {
  machineType: 'bench',
  names: Array.from({ length: 24 }, (_, index) => `s${index}.mean`),
  units: Array.from({ length: 24 }, () => ''),
  settingColumns: [],
  windowSteps: 30,
  contextSteps: 60,
  horizonSteps: 30,
};
const rng = new Rng(1);

/** `alphas`: without any, the network has just the 24 features and the context is the window. */
function preprocessing(smoothingAlphas: readonly number[]): Preprocessing {
  const columns = spec.names.map((_, index) => index);
  return {
    formatVersion: 1,
    spec: {
      ...spec,
      names: [...spec.names],
      units: [...spec.units],
      settingColumns: [],
      contextSteps: smoothingAlphas.length === 0 ? spec.windowSteps : spec.contextSteps,
    },
    keptColumns: columns,
    smoothedColumns: smoothingAlphas.length === 0 ? [] : columns,
    maskedColumns: [],
    smoothingAlphas: [...smoothingAlphas],
    clipSds: 6,
    regimes: { columns: [], means: [], sds: [], centroids: [] },
    means: [columns.map(() => 0)],
    sds: [columns.map(() => 1)],
  };
}

function shapeOf(fitted: Preprocessing): NetworkShape {
  return {
    inputSize: inputSize(fitted),
    hiddenSize: 64,
    horizonSteps: spec.horizonSteps,
    remainingLife: false,
    firstLogits: Array.from({ length: spec.horizonSteps }, () => -4),
  };
}

const normals = (count: number) => Float32Array.from({ length: count }, () => rng.normal());

async function trainingWindowsPerSecond(engine: OnnxEngine, alphas: readonly number[]): Promise<number> {
  const fitted = preprocessing(alphas);
  const shape = shapeOf(fitted);
  const options = { batchSize, weightDecay: 1e-4, clipNorm: 1, dropout: 0, remainingLifeWeight: 0 };
  const step = await engine.load(buildTrainingStep(shape, fitted, options));
  const layout = networkLayout(shape);
  const dims = [parameterCount(layout)];
  const zeros = (): TensorValue => ({ dims, data: new Float32Array(dims[0]!) });
  let state: Record<string, TensorValue> = {
    parameters: { dims, data: initializeParameters(layout, rng) },
    moment1: zeros(),
    moment2: zeros(),
  };
  const rows = spec.windowSteps * batchSize;
  const windows = normals(batchSize * fitted.spec.contextSteps * spec.names.length);
  let count = 0;
  let startedMs = 0;
  for (;;) {
    const result = await step.run({
      ...state,
      windows: { dims: [batchSize, fitted.spec.contextSteps, spec.names.length], data: windows.slice() },
      eventDay: { dims: [rows, 1], data: Float32Array.from({ length: rows }, (_, row) => row % 31) },
      knownDays: { dims: [rows, 1], data: new Float32Array(rows).fill(30) },
      schedule: { dims: [3], data: adamwSchedule(count + 1, 2e-3) },
    });
    state = {
      parameters: outputOf(result, 'nextParameters'),
      moment1: outputOf(result, 'nextMoment1'),
      moment2: outputOf(result, 'nextMoment2'),
    };
    count += 1;
    if (count === 20) startedMs = performance.now();
    if (count > 20 && performance.now() - startedMs > 1000 * seconds) break;
  }
  await step.close();
  return ((count - 20) * batchSize * 1000) / (performance.now() - startedMs);
}

async function predictionMs(engine: OnnxEngine, windowCount: number): Promise<number[]> {
  const fitted = preprocessing([0.1, 0.03]);
  const shape = shapeOf(fitted);
  const model = buildForecast(shape, fitted, initializeParameters(networkLayout(shape), rng), {});
  const predictor = new NetworkPredictor('bench', fitted.spec, await engine.load(model));
  const windows = Array.from(
    { length: windowCount },
    (): FeatureWindow => ({
      rows: normals(spec.contextSteps * spec.names.length),
      stepCount: spec.contextSteps,
    }),
  );
  for (let warm = 0; warm < 20; warm++) await predictor.predict(windows);
  const times: number[] = [];
  const startedMs = performance.now();
  while (performance.now() - startedMs < 1000 * seconds) {
    const fromMs = performance.now();
    await predictor.predict(windows);
    times.push(performance.now() - fromMs);
  }
  await predictor.close();
  return times.sort((a, b) => a - b);
}

const engine = new OnnxEngine();
const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
const round = (value: number, digits: number) => Number(value.toFixed(digits));
const alone = await predictionMs(engine, 1);
const many = await predictionMs(engine, 256);
console.log(
  JSON.stringify(
    {
      shape: { batchSize, windowSteps: 30, features: 24, hiddenSize: 64, horizonSteps: 30 },
      trainingWindowsPerSecond: round(await trainingWindowsPerSecond(engine, []), 0),
      trainingWindowsPerSecondWithSmoothedInputs: round(
        await trainingWindowsPerSecond(engine, [0.1, 0.03]),
        0,
      ),
      predictOneMs: { p50: round(quantile(alone, 0.5), 3), p99: round(quantile(alone, 0.99), 3) },
      predict256WindowsPerSecond: round(256_000 / quantile(many, 0.5), 0),
    },
    null,
    2,
  ),
);
await engine.close();
