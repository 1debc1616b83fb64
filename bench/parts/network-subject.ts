/**
 * What bench/networks.ts times of Millwright, in a process of its own that can be held to some cores; requests and answers
 * as in bench/peers/subject.py, and the tasks `one-int8`, `many-int8` and `one-by-engine` (in the engine's thread, as
 * served, not in the caller's). 256 windows go in the blocks that the predictor makes of them. Argument: threads that share each training batch.
 */
import { createInterface } from 'node:readline';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { loadSession } from '../../infra/onnx/session.js';
import { inBlocks } from '../../model/in-blocks.js';
import { networkLayout } from '../../model/network.js';
import { buildForecast } from '../../model/network-graph.js';
import { adamwSchedule } from '../../model/optimizers/adamw.js';
import { initializeParameters } from '../../model/parameters.js';
import { type LoadedGraph, outputOf, type TensorValue } from '../../model/ports.js';
import { quantizeModel } from '../../model/quantize.js';
import { loadTrainingStep } from '../../model/training-step.js';
import { plainPreprocessing, plainShape } from './plain-network.js';

const trainingBatch = 64;
const rng = new Rng(1);
const engine = new OnnxEngine();
const partners = Array.from({ length: Number(process.argv[2] ?? 1) - 1 }, () => new OnnxEngine());

type Run = () => Promise<unknown>;

async function make(hiddenSize: number, layers: number): Promise<Readonly<Record<string, Run>>> {
  // As the peers: one probability at every step, so the loss is plain binary cross-entropy.
  const preprocessing = plainPreprocessing(1);
  const shape = plainShape(preprocessing, { cell: 'lstm', task: 'dense', hiddenSize, layers });
  const { windowSteps, names } = preprocessing.spec;
  const normals = (batch: number): TensorValue => {
    const dims = [batch, windowSteps, names.length];
    return {
      dims,
      data: Float32Array.from({ length: batch * windowSteps * names.length }, () => rng.normal()),
    };
  };
  const parameters = initializeParameters(networkLayout(shape), rng);

  const options = {
    batchSize: trainingBatch,
    weightDecay: 0,
    clipNorm: 1e9,
    dropout: 0,
    remainingLifeWeight: 0,
  };
  const step = await loadTrainingStep([engine, ...partners], shape, preprocessing, options);
  const flat = (data: Float32Array): TensorValue => ({ dims: [parameters.length], data });
  let state: Record<string, TensorValue> = {
    parameters: flat(parameters.slice()),
    moment1: flat(new Float32Array(parameters.length)),
    moment2: flat(new Float32Array(parameters.length)),
  };
  const batch = normals(trainingBatch);
  const rows = windowSteps * trainingBatch;
  const labels = Float32Array.from({ length: rows }, () => rng.int(2));
  let count = 0;
  const train = async () => {
    count += 1;
    const result = await step.run({
      ...state,
      windows: { ...batch, data: batch.data.slice() },
      eventDay: { dims: [rows, 1], data: labels.slice() },
      knownDays: { dims: [rows, 1], data: new Float32Array(rows).fill(1) },
      schedule: { dims: [3], data: adamwSchedule(count, 1e-3) },
    });
    state = {
      parameters: outputOf(result, 'nextParameters'),
      moment1: outputOf(result, 'nextMoment1'),
      moment2: outputOf(result, 'nextMoment2'),
    };
  };

  const model = buildForecast(shape, preprocessing, parameters, {});
  // The same windows again and again, as the peers; the engine's thread takes what it is given.
  const predict = (graph: LoadedGraph, windows: TensorValue) => () => graph.run({ windows });
  const rounded = await quantizeModel(model, engine);
  if (!rounded) throw new Error('an LSTM can be quantized');
  const [here, int8] = [await loadSession(model), await loadSession(rounded)];
  const served = await engine.load(model);
  const [one, many] = [normals(1), normals(256)];
  return {
    train,
    one: predict(here, one),
    'one-int8': predict(int8, one),
    'one-by-engine': () => predict(served, { ...one, data: one.data.slice() })(),
    many: predict(inBlocks(here), many),
    'many-int8': predict(inBlocks(int8), many),
  };
}

/** Median ms of a call, and mean of processor time, over so many seconds, after one that does not count. */
async function timed(
  run: Run,
  seconds: number,
): Promise<{ readonly wallMs: number; readonly cpuMs: number }> {
  await run();
  const taken: number[] = [];
  const cpu = process.cpuUsage();
  const endMs = performance.now() + 1000 * seconds;
  while (performance.now() < endMs) {
    const startMs = performance.now();
    await run();
    taken.push(performance.now() - startMs);
  }
  const { user, system } = process.cpuUsage(cpu);
  return {
    wallMs: taken.sort((a, b) => a - b)[Math.floor(taken.length / 2)] as number,
    cpuMs: (user + system) / 1000 / taken.length,
  };
}

const made = new Map<string, Readonly<Record<string, Run>>>();
console.log(JSON.stringify({ version: process.version }));
for await (const line of createInterface({ input: process.stdin })) {
  const { task, hidden, layers, seconds } = JSON.parse(line) as {
    task: string;
    hidden: number;
    layers: number;
    seconds: number;
  };
  const key = `${hidden} ${layers}`;
  let runs = made.get(key);
  if (!runs) {
    runs = await make(hidden, layers);
    for (const run of Object.values(runs)) await timed(run, 0.3);
    made.set(key, runs);
  }
  const { wallMs, cpuMs } = await timed(runs[task] as Run, seconds);
  const inUnit = (ms: number) =>
    task === 'train' ? (1000 * trainingBatch) / ms : task.startsWith('one') ? ms : (1000 * 256) / ms;
  console.log(JSON.stringify({ value: inUnit(wallMs), cpu: inUnit(cpuMs) }));
}
process.exit(0);
