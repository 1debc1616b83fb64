import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { FeatureWindow } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { dim } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph } from '../../model/graph/graph.js';
import { failureProbabilities } from '../../model/heads/hazards.js';
import { outputOf } from '../../model/ports.js';
import { NetworkPredictor } from '../../model/predict.js';
import { randomForecast, smallHistories, smallPreprocessing, smallSpec, windowAt } from './fixtures.js';

const horizon = smallSpec.horizonSteps;
const histories = smallHistories(20);
const preprocessing = smallPreprocessing(histories);
const windows = histories.flatMap((history) => [2, 5, 8, 11].map((step) => windowAt(history, step)));

describe('the network', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const predictor = async (seed: number, scale?: number) =>
    new NetworkPredictor('test', smallSpec, await engine.load(randomForecast(preprocessing, seed, scale)));

  it('gives curves in [0, 1] that never fall, for any weights', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const network = await predictor(seed, [0.1, 1, 10, 100][seed % 4]);
      const curves = await network.predict(windows);
      assert.equal(curves.length, windows.length * horizon);
      curves.forEach((value, index) => {
        assert.ok(value >= 0 && value <= 1, `seed ${seed}: ${value}`);
        if (index % horizon > 0)
          assert.ok(value >= (curves[index - 1] as number), `seed ${seed}: falls at ${index}`);
      });
      await network.close();
    }
  });

  it('gives curves in [0, 1] that never fall, for any logits', async () => {
    const graph = new Graph();
    const days = 30;
    const logits = graph.input('logits', [dim('batch', null), dim('horizon', days)]);
    graph.output('curves', failureProbabilities(logits));
    const loaded = await engine.load(encodeGraph(graph));
    const logit = fc.oneof(
      fc.float({ noDefaultInfinity: true, noNaN: true, max: 2 ** 100, min: -(2 ** 100) }),
      fc.float({ min: -40, max: 40, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(logit, { minLength: days, maxLength: days }), async (row) => {
        const judged = await loaded.run({ logits: { dims: [1, days], data: Float32Array.from(row) } });
        let before = 0;
        for (const value of outputOf(judged, 'curves').data as Float32Array) {
          assert.ok(value >= before && value <= 1);
          before = value;
        }
      }),
      { numRuns: 300 },
    );
    await loaded.close();
  });

  it('gives the same bits for a window alone and in a batch of any size and order', async () => {
    const network = await predictor(2);
    const alone = await Promise.all(windows.map(async (window) => [...(await network.predict([window]))]));
    const one: number[][] = [];
    for (const window of windows) one.push([...(await network.predict([window]))]);
    assert.deepEqual(alone, one, 'micro-batched and one after the other');
    for (const size of [2, 3, 5, 7, 8, 33, windows.length]) {
      const order = new Rng(size).shuffle(windows.map((_, index) => index)).slice(0, size);
      const curves = await network.predict(order.map((index) => windows[index] as FeatureWindow));
      order.forEach((index, row) => {
        assert.deepEqual([...curves.subarray(row * horizon, (row + 1) * horizon)], one[index]);
      });
    }
    await network.close();
  });

  it('answers more windows than one run takes, and none', async () => {
    const network = await predictor(2);
    const many = Array.from({ length: 600 }, (_, index) => windows[index % windows.length] as FeatureWindow);
    const curves = await network.predict(many);
    const few = await network.predict(windows);
    assert.deepEqual(curves.subarray(560 * horizon), few.subarray(0, 40 * horizon));
    assert.equal((await network.predict([])).length, 0);
    await network.close();
  });

  it('does not see padding: a short history gives what it gives in a longer window', async () => {
    // The same weights in a network whose context is longer: more padding, nothing else.
    const longSpec = { ...smallSpec, contextSteps: 25 };
    const short = await predictor(4);
    const long = new NetworkPredictor(
      'test',
      longSpec,
      await engine.load(
        randomForecast({ ...preprocessing, spec: { ...preprocessing.spec, contextSteps: 25 } }, 4),
      ),
    );
    for (const step of [0, 1, 3, 5, 8, 9])
      for (const history of histories.slice(0, 5)) {
        const a = await short.predict([windowAt(history, step)]);
        const b = await long.predict([windowAt(history, step, longSpec)]);
        a.forEach((value, day) => {
          assert.ok(Math.abs(value - (b[day] as number)) < 1e-6, `step ${step}: ${value} and ${b[day]}`);
        });
      }
    await short.close();
    await long.close();
  });

  it('forecasts from the past alone: whatever comes after an origin, in whatever order, changes no bit', async () => {
    const network = await predictor(4);
    const width = smallSpec.names.length;
    const rng = new Rng(8);
    for (const history of histories.slice(0, 6)) {
      const step = 3 + rng.int(history.stepCount - 5);
      const future = rng.shuffle(
        Array.from({ length: history.stepCount - 1 - step }, (_, i) => step + 1 + i),
      );
      const rows = history.rows.slice();
      future.forEach((from, i) => {
        const row = history.rows.subarray(from * width, (from + 1) * width);
        rows.set(i % 2 === 1 ? row : row.map((value) => 3 * value - 1), (step + 1 + i) * width);
      });
      const shuffled = { ...history, rows };
      assert.deepEqual(
        await network.predict([0, 1, 2, 3].map((back) => windowAt(shuffled, step - back))),
        await network.predict([0, 1, 2, 3].map((back) => windowAt(history, step - back))),
      );
      assert.notDeepEqual(
        await network.predict([windowAt(shuffled, step + 1)]),
        await network.predict([windowAt(history, step + 1)]),
      );
    }
    await network.close();
  });

  it('is finite for windows of nothing and of extremes', async () => {
    // Once with a feature that is constant in its regimes: its spread is 0.
    const sds = preprocessing.sds.map((row) => row.map((sd, column) => (column === 1 ? 0 : sd)));
    const length = smallSpec.contextSteps * smallSpec.names.length;
    for (const fit of [preprocessing, { ...preprocessing, sds }]) {
      const network = new NetworkPredictor('test', smallSpec, await engine.load(randomForecast(fit, 6)));
      for (const value of [NaN, 0, 3e38, -3e38, Infinity, -Infinity]) {
        const curve = await network.predict([{ rows: new Float32Array(length).fill(value), stepCount: 10 }]);
        assert.ok(
          curve.every((each) => each >= 0 && each <= 1),
          `${value}: ${curve.join()}`,
        );
      }
      await network.close();
    }
  });

  it('refuses a window of another size', async () => {
    const network = await predictor(6);
    assert.throws(
      () => network.predict([{ rows: new Float32Array(3), stepCount: 1 }]),
      /a window of 70 values .* got 3/,
    );
    await network.close();
  });
});
