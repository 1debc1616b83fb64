import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../../domain/rng.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { cellNames } from '../../../model/cells/cell.js';
import { dim } from '../../../model/graph/dims.js';
import { Graph } from '../../../model/graph/graph.js';
import { initializeParameters, parameterCount } from '../../../model/parameters.js';
import { inputSize } from '../../../model/preprocessing.js';
import { assignRegime } from '../../../model/regimes.js';
import { buildValueForecast, buildValueLoss } from '../../../model/values/value-graph.js';
import { type ValueShape, valueLayout } from '../../../model/values/value-network.js';
import { ValueNetworkPredictor } from '../../../model/values/value-predict.js';
import { ValueBatchSource, ValueLabeller } from '../../../model/values/value-windows.js';
import { smallHistories, smallPreprocessing, smallSpec, windowAt } from '../fixtures.js';
import { lossGradientError } from '../gradient-check.js';

const histories = smallHistories(12);
const preprocessing = smallPreprocessing(histories);
const columns = [1, 2]; // vibration, temperature
const shape: ValueShape = {
  cell: 'lstm',
  layers: 1,
  normalization: 'none',
  inputSize: inputSize(preprocessing),
  hiddenSize: 4,
  sensorCount: columns.length,
  horizonSteps: smallSpec.horizonSteps,
};
const horizon = smallSpec.horizonSteps;

describe('value networks', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  for (const cell of cellNames)
    for (const layers of [1, 2])
      it(`${cell}, ${layers} layer(s): gradients as finite differences`, async () => {
        const [steps, batch, inputs, hidden] = [4, 3, 3, 3];
        const own: ValueShape = {
          cell,
          layers,
          normalization: layers === 2 ? 'layer' : 'none',
          inputSize: inputs,
          hiddenSize: hidden,
          sensorCount: 2,
          horizonSteps: 2,
        };
        const graph = new Graph('float64');
        const x = graph.input('x', [dim('time', steps), dim('batch', batch), dim('input', inputs)]);
        const real = graph.input('real', [dim('row', steps * batch), dim('hidden', 1)]);
        const { loss } = buildValueLoss(graph, own, x, { dropout: 0.2, labelled: [1, 3], real });
        const rng = new Rng(5);
        const draw = (count: number, value: (index: number) => number) =>
          Float64Array.from({ length: count }, (_, index) => value(index));
        const labels = 2 * batch * 4;
        const error = await lossGradientError(engine, graph, loss, {
          x: draw(steps * batch * inputs, () => rng.normal()),
          real: draw(steps * batch, (row) =>
            Math.floor(row / batch) >= ([0, 1, 3][row % batch] as number) ? 1 : 0,
          ),
          parameters: draw(parameterCount(valueLayout(own)), () => 0.5 * rng.normal()),
          dropout: draw(batch * layers * hidden, () => (rng.uniform() < 0.2 ? 0 : 1.25)),
          actual: draw(labels, () => 3 * rng.normal()),
          known: draw(labels, () => (rng.uniform() < 0.8 ? 1 : 0)),
        });
        assert.ok(error < 1e-5, `error ${error}`);
      });

  const served = async (seed: number, scale: number) => {
    const rng = new Rng(seed);
    const parameters = initializeParameters(valueLayout(shape), rng).map(
      (value) => scale * (value + rng.normal()),
    );
    const graph = await engine.load(buildValueForecast(shape, preprocessing, columns, parameters, {}));
    const sensors = columns.map((column) => ({
      name: smallSpec.names[column] as string,
      unit: '',
      column,
    }));
    const stored = {
      formatVersion: 1 as const,
      spec: preprocessing.spec,
      network: preprocessing,
      sensors,
      health: null,
    };
    return new ValueNetworkPredictor('test', stored, graph);
  };

  it('the median lies inside the interval for any weights, and everything is finite', async () => {
    for (const scale of [1, 30]) {
      const predictor = await served(scale, scale);
      const outlooks = await predictor.foresee(histories.map((history) => windowAt(history, 8)));
      for (const { sensors } of outlooks)
        for (const { low, median, high } of sensors)
          for (let k = 0; k < horizon; k++) {
            const [a, b, c] = [low[k], median[k], high[k]] as [number, number, number];
            assert.ok(Number.isFinite(a + b + c) && a <= b && b <= c, `${a} ≤ ${b} ≤ ${c}`);
          }
      await predictor.close();
    }
  });

  it('a window of a batch gives what it gives alone', async () => {
    const predictor = await served(3, 1);
    const windows = histories.map((history, index) => windowAt(history, 3 + (index % 7)));
    const together = await predictor.foresee(windows);
    for (const [index, window] of windows.entries())
      assert.deepEqual((await predictor.foresee([window]))[0], together[index]);
    await predictor.close();
  });

  it('is turned back into units by the regime of the newest step', async () => {
    const predictor = await served(4, 1);
    const graph = await engine.load(
      buildValueForecast(
        shape,
        preprocessing,
        columns,
        initializeParameters(valueLayout(shape), new Rng(4)),
        {},
      ),
    );
    const { rows } = windowAt(histories[0] as (typeof histories)[0], 9);
    const width = smallSpec.names.length;
    const regime = assignRegime(preprocessing.regimes, rows.subarray(rows.length - width));
    const result = await graph.run({
      windows: { dims: [1, smallSpec.contextSteps, width], data: Float32Array.from(rows) },
    });
    const expected = result.expected?.data as Float32Array;
    const median = result.median?.data as Float32Array;
    assert.ok(preprocessing.means.length === 2, 'two regimes');
    for (let at = 0; at < expected.length; at++) {
      const place = preprocessing.keptColumns.indexOf(columns[Math.floor(at / horizon)] as number);
      const mean = preprocessing.means[regime]?.[place] as number;
      const sd = preprocessing.sds[regime]?.[place] as number;
      const wanted = mean + sd * (expected[at] as number);
      assert.ok(Math.abs((median[at] as number) - wanted) < 1e-4 * Math.abs(wanted));
    }
    await graph.close();
    await predictor.close();
  });
});

describe('labels of value networks', () => {
  it('are what the sensors showed after each labelled step, by the regime of that time', () => {
    const labeller = new ValueLabeller(preprocessing, columns);
    const labelled = [1, 5];
    const source = new ValueBatchSource(smallSpec, labeller, histories, labelled, new Rng(2));
    const width = smallSpec.names.length;
    const count = 40;
    const { windows, actual, known } = source.draw(count);
    let compared = 0;
    for (let b = 0; b < count; b++) {
      const window = windows.subarray(
        b * smallSpec.contextSteps * width,
        (b + 1) * smallSpec.contextSteps * width,
      );
      // The step at position 1 of 6 has four later rows inside the window itself.
      for (let k = 1; k <= 4; k++) {
        const row = window.subarray(
          (smallSpec.contextSteps - 5 + k) * width,
          (smallSpec.contextSteps - 4 + k) * width,
        );
        const regime = assignRegime(preprocessing.regimes, row);
        columns.forEach((column, sensor) => {
          const at = b * labeller.width + sensor * horizon + k - 1;
          const before = window[(smallSpec.contextSteps - 5) * width + 6];
          const value = Number.isNaN(before as number) ? NaN : (row[column] as number);
          if (Number.isNaN(value)) {
            assert.equal(known[at], 0, 'no label before the history, none of a missing value');
            return;
          }
          const place = preprocessing.keptColumns.indexOf(column);
          const z =
            (value - (preprocessing.means[regime]?.[place] as number)) /
            (preprocessing.sds[regime]?.[place] as number);
          assert.equal(known[at], 1);
          assert.ok(Math.abs((actual[at] as number) - z) < 1e-4);
          compared += 1;
        });
      }
    }
    assert.ok(compared > 100, `${compared} labels compared`);
  });
});
