/**
 * The network's speed, as JSON: training windows per second at the shape that MEASURED compares engines in
 * (B 64, T 30, F 24, H 64, one thread), and prediction through the predictor, worker thread and preprocessing included.
 * With `networks`, also a row for each cell, size and task.
 *
 *   node dist/bench/model.js [seconds per measurement] [networks]
 */
import { performance } from 'node:perf_hooks';
import type { FeatureWindow } from '../domain/features.js';
import { Rng } from '../domain/rng.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import { cellNames } from '../model/cells/cell.js';
import { networkLayout } from '../model/network.js';
import { buildForecast, buildTrainingStep } from '../model/network-graph.js';
import { adamwSchedule } from '../model/optimizers/adamw.js';
import { initializeParameters, parameterCount } from '../model/parameters.js';
import type { TensorValue } from '../model/ports.js';
import { outputOf } from '../model/ports.js';
import { NetworkPredictor } from '../model/predict.js';
import { labelsOf, taskNames } from '../model/tasks.js';
import { type Kind, plainPreprocessing, plainShape } from './parts/plain-network.js';

const seconds = Number(process.argv[2] ?? 3);
const batchSize = 64;
const spec = plainPreprocessing(30, [0.1, 0.03]).spec;
const rng = new Rng(1);

const standard: Kind = { cell: 'lstm', layers: 1, task: 'dense', hiddenSize: 64 };

const normals = (count: number) => Float32Array.from({ length: count }, () => rng.normal());

async function trainingWindowsPerSecond(
  engine: OnnxEngine,
  alphas: readonly number[],
  kind = standard,
): Promise<number> {
  const fitted = plainPreprocessing(spec.horizonSteps, alphas);
  const shape = plainShape(fitted, kind);
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
  const rows = labelsOf(kind.task) === 'every-step' ? spec.windowSteps * batchSize : batchSize;
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

async function predictionMs(engine: OnnxEngine, windowCount: number, kind = standard): Promise<number[]> {
  const fitted = plainPreprocessing(spec.horizonSteps, [0.1, 0.03]);
  const shape = plainShape(fitted, kind);
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
const kinds: readonly Kind[] =
  process.argv[3] !== 'networks'
    ? []
    : [
        ...cellNames.flatMap((cell) => [
          { ...standard, cell },
          { ...standard, cell, hiddenSize: 128 },
          { ...standard, cell, layers: 2 },
        ]),
        ...cellNames.flatMap((cell) =>
          taskNames.filter((task) => task !== standard.task).map((task) => ({ ...standard, cell, task })),
        ),
      ];
const networks: unknown[] = [];
for (const kind of kinds)
  networks.push({
    ...kind,
    trainingWindowsPerSecond: round(await trainingWindowsPerSecond(engine, [], kind), 0),
    predictOneMsP50: round(quantile(await predictionMs(engine, 1, kind), 0.5), 3),
    predict256WindowsPerSecond: round(256_000 / quantile(await predictionMs(engine, 256, kind), 0.5), 0),
  });
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
      ...(networks.length > 0 ? { networks } : {}),
    },
    null,
    2,
  ),
);
await engine.close();
