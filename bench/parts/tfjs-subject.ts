/**
 * A peer of bench/networks.ts: tfjs-node as its own users run it, a layers model with `fit` and `predict`. Requests and
 * answers as in bench/peers/subject.py.
 *
 *   npm run bench -- networks PYTHON --peer "tfjs=node dist/bench/parts/tfjs-subject.js"
 */
import { createInterface } from 'node:readline';
import { findTfjs, openTfjs } from '../../infra/tfjs/packages.js';

const [time, features, trainingBatch, many, batchesPerCall] = [30, 24, 64, 256, 4];

interface Tensor {
  dispose(): void;
}

interface LayersModel {
  add(layer: unknown): void;
  compile(options: object): void;
  fit(x: Tensor, y: Tensor, options: object): Promise<unknown>;
  predict(x: Tensor, options: object): Tensor & { dataSync(): Float32Array };
}

interface LayersApi {
  readonly version: Readonly<Record<string, string>>;
  readonly layers: { lstm(options: object): unknown; dense(options: object): unknown };
  readonly train: { adam(rate: number): unknown };
  sequential(): LayersModel;
  randomNormal(shape: readonly number[]): Tensor;
  zeros(shape: readonly number[]): Tensor;
}

type Run = () => Promise<unknown>;

function make(tf: LayersApi, hidden: number, layers: number): Readonly<Record<string, Run>> {
  const model = tf.sequential();
  for (let layer = 0; layer < layers; layer++)
    model.add(
      tf.layers.lstm({
        units: hidden,
        returnSequences: true,
        recurrentActivation: 'sigmoid',
        ...(layer === 0 ? { inputShape: [time, features] } : {}),
      }),
    );
  model.add(tf.layers.dense({ units: 1, activation: 'sigmoid' }));
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'binaryCrossentropy' });
  const windows = trainingBatch * batchesPerCall;
  const [x, y] = [tf.randomNormal([windows, time, features]), tf.zeros([windows, time, 1])];
  const predict = (count: number): Run => {
    const input = tf.randomNormal([count, time, features]);
    return async () => {
      const output = model.predict(input, { batchSize: many });
      output.dataSync();
      output.dispose();
    };
  };
  return {
    train: () => model.fit(x, y, { batchSize: trainingBatch, epochs: 1, verbose: 0, yieldEvery: 'never' }),
    one: predict(1),
    many: predict(many),
  };
}

/** Median ms of a call, and mean of processor time, over so many seconds, after one that does not count. */
async function timed(run: Run, seconds: number) {
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
  taken.sort((a, b) => a - b);
  return {
    wallMs: taken[Math.floor(taken.length / 2)] as number,
    cpuMs: (user + system) / 1000 / taken.length,
  };
}

const inUnit: Readonly<Record<string, (ms: number) => number>> = {
  train: (ms) => (1000 * trainingBatch * batchesPerCall) / ms,
  one: (ms) => ms,
  many: (ms) => (1000 * many) / ms,
};

const tf = (await openTfjs(findTfjs(['node']))).tf as unknown as LayersApi;
const made = new Map<string, Readonly<Record<string, Run>>>();
console.log(JSON.stringify({ version: tf.version['tfjs-node'] }));
for await (const line of createInterface({ input: process.stdin })) {
  const { task, hidden, layers, seconds } = JSON.parse(line) as {
    readonly task: string;
    readonly hidden: number;
    readonly layers: number;
    readonly seconds: number;
  };
  const key = `${hidden} ${layers}`;
  const runs = made.get(key) ?? make(tf, hidden, layers);
  made.set(key, runs);
  const { wallMs, cpuMs } = await timed(runs[task] as Run, seconds);
  const unit = inUnit[task] as (ms: number) => number;
  console.log(JSON.stringify({ value: unit(wallMs), cpu: unit(cpuMs) }));
}
process.exit(0);
