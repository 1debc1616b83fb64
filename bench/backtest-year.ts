/**
 * A year of a plant backtested with a trained network, baselines and all, as JSON: seconds, readings per second, the greatest memory of the
 * process, and how they grow with machines and with days. Daily steps, four sensors every hour, simulated (which is
 * counted: the history is made while it is read; `simulation` is what that alone takes). Every size runs in a process of its own.
 *
 *   npm run bench -- backtest-year [--quick]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBacktest } from '../app/backtest.js';
import { benchDeployment } from '../app/benchmark/deployment.js';
import { buildHistories } from '../app/history.js';
import { loadFactory } from '../app/simulate/factory-config.js';
import { factoryDataset } from '../app/simulate/simulate-factory.js';
import { trainVersion } from '../app/training.js';
import { costsSchema } from '../backtest/alert-cost.js';
import { alertBoundsSchema } from '../backtest/alert-score.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import { trainingConfigSchema } from '../model/config.js';
import { openPredictor } from '../model/predict.js';
import { featureSpec } from '../stream/features.js';

const quick = process.argv.includes('--quick');
const sensors = { vibration: 'bearing', temperature: 'bearing', pressure: 'seal', current: 'motor' };
const machineType = {
  name: 'press',
  step: { kind: 'calendar-day', timeZone: 'UTC' },
  aggregates: ['mean', 'std', 'max'],
  sensors: Object.keys(sensors).map((name) => ({ name, expectedPerStep: 24 })),
  eventCodes: ['E1', 'E2', 'E3'],
  maintenanceKinds: ['service', 'bearing', 'seal', 'motor'],
};

interface Size {
  readonly machines: number;
  readonly days: number;
}

/** Files of a factory; JSON is YAML. */
function writeFactory(folder: string, { machines, days }: Size, seed: number): string {
  writeFileSync(join(folder, 'press.yaml'), JSON.stringify(machineType));
  const file = join(folder, `factory-${seed}-${machines}-${days}.yaml`);
  const faults = [
    { name: 'bearing', errorCode: 'E1', effects: { vibration: 9, temperature: 10 } },
    { name: 'seal', errorCode: 'E2', effects: { pressure: -45 } },
    { name: 'motor', errorCode: 'E3', effects: { current: 18, temperature: 18 } },
  ];
  const base = {
    vibration: { base: 3, noise: 0.3 },
    temperature: { base: 60, noise: 1 },
    pressure: { base: 180, noise: 2 },
    current: { base: 40, noise: 0.8 },
  };
  writeFileSync(
    file,
    JSON.stringify({ machineType: 'press.yaml', seed, machines, days, everyMs: '1h', sensors: base, faults }),
  );
  return file;
}

/** Half a year of 30 other machines. */
async function simulateTraining(folder: string) {
  const factory = loadFactory(writeFactory(folder, { machines: 30, days: 180 }, 2));
  const { type } = factory;
  const deployment = benchDeployment(join(folder, 'press.yaml'), type);
  const histories = await buildHistories(deployment, factoryDataset(factory));
  return { deployment, type, training: histories.get(type.name) ?? [] };
}

interface Measured extends Size {
  readonly readings: number;
  readonly forecasts: number;
  readonly seconds: number;
  /** Of all threads: what a machine that does other things as well can still tell. */
  readonly cpuSeconds: number;
  readonly simulationSeconds: number;
  readonly readingsPerSecond: number;
  readonly memoryMbMax: number;
  /** Of the pipeline and its baselines: it did something. */
  readonly meanBrier: Readonly<Record<string, number | null>>;
}

async function measure(folder: string, modelDir: string, size: Size): Promise<Measured> {
  const { deployment, type, training } = await simulateTraining(folder);
  const dataset = factoryDataset(loadFactory(writeFactory(folder, size, 1)));
  const simulatedMs = performance.now();
  let readings = 0;
  for await (const record of dataset.records())
    if (record.kind === 'readings') readings += Object.keys(record.values).length;
  const simulationSeconds = (performance.now() - simulatedMs) / 1000;
  const engine = new OnnxEngine();
  const predictor = await openPredictor(modelDir, engine, featureSpec(type));
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const { report } = await runBacktest({
    deployment,
    type,
    predictor,
    source: { kind: 'dataset', dataset },
    training,
    selection: 'all',
    bounds: alertBoundsSchema.parse({}),
    costs: costsSchema.parse({}),
  });
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await engine.close();
  return {
    ...size,
    readings,
    forecasts: report.rows.judgedCount,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    simulationSeconds,
    readingsPerSecond: readings / seconds,
    memoryMbMax: process.resourceUsage().maxRSS / 1024,
    meanBrier: Object.fromEntries(report.forecasters.map(({ name, meanBrier }) => [name, meanBrier])),
  };
}

async function train(folder: string): Promise<string> {
  const { type, training } = await simulateTraining(folder);
  const { directory } = await trainVersion({
    type,
    histories: training,
    modelDir: join(folder, 'models'),
    config: trainingConfigSchema.parse({ steps: quick ? 20 : 200 }),
    seed: 1,
  });
  return directory;
}

function inOwnProcess(folder: string, modelDir: string, size: Size): Measured {
  const out = join(folder, 'measured.json');
  const child = spawnSync(
    process.execPath,
    [
      ...process.execArgv,
      fileURLToPath(import.meta.url),
      '--one',
      JSON.stringify({ folder, modelDir, size, out }),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  if (child.status !== 0)
    throw new Error(`the backtest of ${JSON.stringify(size)} ended with ${child.status}`);
  return JSON.parse(readFileSync(out, 'utf8')) as Measured;
}

const one = process.argv.indexOf('--one');
if (one >= 0) {
  const { folder, modelDir, size, out } = JSON.parse(process.argv[one + 1] as string);
  writeFileSync(out, JSON.stringify(await measure(folder, modelDir, size)));
} else {
  const sizes: readonly Size[] = quick
    ? [{ machines: 10, days: 90 }]
    : [
        { machines: 100, days: 365 },
        { machines: 50, days: 365 },
        { machines: 100, days: 182 },
        { machines: 200, days: 365 },
      ];
  const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
  try {
    const modelDir = await train(folder);
    const runs = sizes.map((size) => {
      const run = inOwnProcess(folder, modelDir, size);
      console.error(JSON.stringify(run));
      return run;
    });
    console.log(JSON.stringify({ bench: 'backtest-year', cpus: cpus().length, runs }, null, 2));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
