import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { inBlocks } from '../../model/in-blocks.js';
import { outputOf } from '../../model/ports.js';
import { randomForecast, smallHistories, smallPreprocessing, smallSpec, windowAt } from './fixtures.js';

describe('many windows in blocks', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  it('give the bits that they give all at once, in blocks of two windows and more', async () => {
    const histories = smallHistories(20);
    const graph = await engine.load(randomForecast(smallPreprocessing(histories), 3));
    const windows = histories.flatMap((history) =>
      Array.from({ length: 10 }, (_, step) => windowAt(history, step).rows),
    );
    const sizes: number[] = [];
    const blocks = inBlocks({
      ...graph,
      run: (feeds) => {
        sizes.push(feeds.windows?.dims[0] as number);
        return graph.run(feeds);
      },
    });
    const { contextSteps, names } = smallSpec;
    for (const [count, wanted] of [
      [2, [2]],
      [64, [64]],
      [65, [33, 32]],
      [200, [50, 50, 50, 50]],
    ] as const) {
      const feeds = () => {
        const data = Float32Array.from(windows.slice(0, count).flatMap((rows) => [...rows]));
        return { windows: { dims: [count, contextSteps, names.length], data } };
      };
      sizes.length = 0;
      const divided = outputOf(await blocks.run(feeds()), 'failureProbabilities');
      assert.deepEqual(divided, outputOf(await graph.run(feeds()), 'failureProbabilities'));
      assert.deepEqual(sizes, wanted);
    }
    await blocks.close();
  });
});
