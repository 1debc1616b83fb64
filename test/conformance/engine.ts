/** What every Engine promises. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WorldError } from '../../domain/errors.js';
import { dim } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph } from '../../model/graph/graph.js';
import { multiply } from '../../model/graph/operators/multiply.js';
import { timesEach } from '../../model/graph/operators/without-gradient.js';
import { type Engine, outputOf, type TensorValues } from '../../model/ports.js';

function squareGraph(): Uint8Array {
  const graph = new Graph();
  const x = graph.input('x', [dim('n', null)]);
  graph.output('y', multiply(x, x));
  return encodeGraph(graph);
}

const squares = (answer: TensorValues) => [...(outputOf(answer, 'y').data as Float32Array)];
const feed = (...values: number[]) => ({ x: { dims: [values.length], data: Float32Array.from(values) } });

/** `runtime`: what its errors call it. */
export function engineConformance(runtime: string, open: () => Engine): void {
  it('runs graphs side by side, answers in order, and closes twice', async () => {
    const engine = open();
    const [a, b] = [await engine.load(squareGraph()), await engine.load(squareGraph())];
    const answers = await Promise.all([a.run(feed(1, 2)), b.run(feed(3)), a.run(feed(4, 5, 6))]);
    assert.deepEqual(answers.map(squares), [[1, 4], [9], [16, 25, 36]]);
    await a.close();
    await assert.rejects(a.run(feed(1)), /the graph is closed/);
    assert.deepEqual(squares(await b.run(feed(7))), [49]);
    await engine.close();
    await engine.close();
    await assert.rejects(b.run(feed(1)), { name: 'WorldError', code: 'closed' });
  });

  it('finishes what it was asked before it closes', async () => {
    const engine = open();
    const graph = await engine.load(squareGraph());
    const runs = Array.from({ length: 20 }, (_, index) => graph.run(feed(index)));
    await engine.close();
    const answers = await Promise.all(runs);
    assert.deepEqual(
      answers.map((answer) => squares(answer)[0]),
      Array.from({ length: 20 }, (_, index) => index * index),
    );
  });

  it('refuses bytes that are no graph, and feeds that do not fit, and goes on', async () => {
    const engine = open();
    await assert.rejects(engine.load(Uint8Array.from([1, 2, 3])), (error: unknown) => {
      assert.ok(error instanceof WorldError);
      assert.equal(error.code, 'rejected');
      return true;
    });
    const graph = await engine.load(squareGraph());
    await assert.rejects(graph.run({}), new RegExp(`${runtime} refused`));
    await assert.rejects(
      graph.run({ x: { dims: [1, 1], data: Float32Array.of(1) } }),
      new RegExp(`${runtime} refused`),
    );
    assert.deepEqual(squares(await graph.run(feed(3))), [9]);
    await engine.close();
  });

  it('leaves the event loop free while a graph runs', async () => {
    const engine = open();
    const graph = new Graph();
    const size = 1200;
    const [n, k] = [dim('n', size), dim('k', size)];
    const a = graph.input('a', [n, k]);
    const b = graph.input('b', [dim('batch', 1), k, dim('m', size)]);
    graph.output('c', timesEach(a, b));
    const loaded = await engine.load(encodeGraph(graph));
    const data = () => new Float32Array(size * size).fill(1);
    let turns = 0;
    let running = true;
    const turn = () => {
      turns += 1;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    await loaded.run({ a: { dims: [size, size], data: data() }, b: { dims: [1, size, size], data: data() } });
    running = false;
    // 3.5 GFLOP take tens of milliseconds; a blocked loop would turn once or twice.
    assert.ok(turns > 50, `${turns} turns`);
    await engine.close();
  });
}
