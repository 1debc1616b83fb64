import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FeatureSpec, FeatureWindow } from '../../domain/features.js';
import type { LoadedGraph, TensorValues } from '../../model/ports.js';
import { NetworkPredictor } from '../../model/predict.js';

const spec: FeatureSpec = {
  machineType: 'press',
  names: ['x'],
  units: [''],
  settingColumns: [],
  windowSteps: 1,
  contextSteps: 1,
  horizonSteps: 1,
};
const windowOf = (value: number): FeatureWindow => ({ rows: Float32Array.of(value), stepCount: 1 });
const windowsFrom = (first: number, count: number): FeatureWindow[] =>
  Array.from({ length: count }, (_, index) => windowOf(first + index));
const valuesFrom = (first: number, count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => first + index);

/** An engine that answers each window with its value, block by block, when it is told to. */
class HeldEngine implements LoadedGraph {
  readonly blocks: { readonly rows: number; readonly answer: (error?: Error) => void }[] = [];

  run(feeds: TensorValues): Promise<TensorValues> {
    const { windows } = feeds;
    const data = windows?.data as Float32Array;
    return new Promise((resolve, reject) => {
      const answer = (error?: Error) =>
        error
          ? reject(error)
          : resolve({ failureProbabilities: { dims: [data.length, 1], data: data.slice() } });
      this.blocks.push({ rows: data.length, answer });
    });
  }

  async close(): Promise<void> {}

  get rows(): number[] {
    return this.blocks.map(({ rows }) => rows);
  }

  /** Answers what is there, and what that brings. */
  async answerAll(): Promise<void> {
    for (; this.blocks.length > 0; await turn()) this.blocks.shift()?.answer();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('what is asked while the engine is busy goes together; who asked for few does not wait for others', async () => {
  const engine = new HeldEngine();
  const predictor = new NetworkPredictor('v', spec, engine);
  const many = predictor.predict(windowsFrom(0, 100));
  assert.deepEqual(engine.rows, [50, 50]);
  const few = [predictor.predict(windowsFrom(200, 3)), predictor.predict(windowsFrom(300, 1))];
  assert.deepEqual(engine.rows, [50, 50], 'a few wait for each other');
  engine.blocks.shift()?.answer();
  await turn();
  assert.deepEqual(engine.rows, [50]);
  engine.blocks.shift()?.answer();
  await turn();
  assert.deepEqual(engine.rows, [4]);
  assert.deepEqual(await many, valuesFrom(0, 100));
  await engine.answerAll();
  assert.deepEqual(await Promise.all(few), [valuesFrom(200, 3), valuesFrom(300, 1)]);
});

it('many are given to the engine as it gets on, in their order; a lone window goes in twice', async () => {
  const engine = new HeldEngine();
  const predictor = new NetworkPredictor('v', spec, engine);
  const asked = [predictor.predict(windowsFrom(0, 1000)), predictor.predict(windowsFrom(5000, 30))];
  assert.deepEqual(engine.rows, Array(8).fill(63));
  // The last block first: its rows still go where they belong.
  engine.blocks.pop()?.answer();
  await turn();
  assert.equal(engine.blocks.length, 8);
  await engine.answerAll();
  assert.deepEqual(await Promise.all(asked), [valuesFrom(0, 1000), valuesFrom(5000, 30)]);
  const lone = predictor.predict([windowOf(7)]);
  assert.deepEqual(engine.rows, [2]);
  await engine.answerAll();
  assert.deepEqual(await lone, Float32Array.of(7));
});

it('a block that fails fails those who are in it, and nobody else', async () => {
  const engine = new HeldEngine();
  const predictor = new NetworkPredictor('v', spec, engine);
  const first = predictor.predict(windowsFrom(0, 64));
  const second = predictor.predict(windowsFrom(100, 64));
  engine.blocks.shift()?.answer(new Error('no memory'));
  await assert.rejects(first, /no memory/);
  await engine.answerAll();
  assert.deepEqual(await second, valuesFrom(100, 64));
  await predictor.close();
});
