import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FeatureWindow } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { dim } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph } from '../../model/graph/graph.js';
import {
  fitPreprocessing,
  hashPreprocessing,
  inputSize,
  type Preprocessing,
} from '../../model/preprocessing.js';
import { preprocess, realStepCounts, windowDims } from '../../model/preprocessing-graph.js';
import { assignRegime } from '../../model/regimes.js';
import { smallHistories, smallPreprocessing, smallSpec, windowAt } from './fixtures.js';

/** The definition, one number at a time: what the graph must agree with. */
function naive(window: FeatureWindow, p: Preprocessing): number[][] {
  const { contextSteps, windowSteps, names } = p.spec;
  const raw = (step: number, column: number) => window.rows[step * names.length + column] as number;
  const z = (step: number, column: number) => {
    const value = raw(step, column);
    if (Number.isNaN(value)) return 0;
    const row = window.rows.subarray(step * names.length, (step + 1) * names.length);
    const regime = assignRegime(p.regimes, row);
    const at = p.keptColumns.indexOf(column);
    const [mean, sd] = [p.means[regime]?.[at] as number, p.sds[regime]?.[at] as number];
    return sd === 0 ? 0 : Math.max(-p.clipSds, Math.min(p.clipSds, (value - mean) / sd));
  };
  return Array.from({ length: windowSteps }, (_, index) => {
    const step = contextSteps - windowSteps + index;
    const smoothed = p.smoothingAlphas.flatMap((alpha) =>
      p.smoothedColumns.map((column) => {
        // The recurrence that exponential smoothing is known by; its weight corrects the start and the gaps.
        let sum = 0;
        let weight = 0;
        for (let each = 0; each <= step; each++) {
          const present = Number.isNaN(raw(each, column)) ? 0 : 1;
          sum = (1 - alpha) * sum + alpha * z(each, column);
          weight = (1 - alpha) * weight + alpha * present;
        }
        return weight === 0 ? 0 : sum / weight;
      }),
    );
    const known = (at: number, column: number) => at >= 0 && !Number.isNaN(raw(at, column));
    const lagged = (p.lagSteps ?? []).flatMap((lag) =>
      p.smoothedColumns.map((column) => (known(step - lag, column) ? z(step - lag, column) : 0)),
    );
    const differences = (p.differenceSteps ?? []).flatMap((lag) =>
      p.smoothedColumns.map((column) =>
        known(step, column) && known(step - lag, column) ? z(step, column) - z(step - lag, column) : 0,
      ),
    );
    return [
      ...p.keptColumns.map((column) => z(step, column)),
      ...smoothed,
      ...lagged,
      ...differences,
      ...p.maskedColumns.map((column) => (Number.isNaN(raw(step, column)) ? 1 : 0)),
    ];
  });
}

const histories = smallHistories(30);
const fitted = smallPreprocessing(histories);
const withLags = fitPreprocessing(
  smallSpec,
  histories,
  { smoothingAlphas: [0.3], clipSds: 6, lagSteps: [1, 6], differenceSteps: [2, 9] },
  new Rng(3),
);

describe('preprocessing', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  it('drops what never varies, and knows what can be missing', () => {
    const named = (columns: readonly number[]) => columns.map((column) => smallSpec.names[column]);
    assert.deepEqual(
      named(fitted.keptColumns),
      smallSpec.names.filter((name) => name !== 'constant.mean'),
    );
    assert.deepEqual(named(fitted.maskedColumns), ['temperature.mean']);
    assert.deepEqual(named(fitted.smoothedColumns), ['vibration.mean', 'temperature.mean', 'event.E1']);
  });

  it('finds the two speeds, and standardises measurements within each', () => {
    assert.equal(fitted.regimes.centroids.length, 2);
    const vibration = fitted.keptColumns.indexOf(1);
    const means = fitted.means.map((row) => row[vibration] as number).sort();
    assert.ok((means[1] as number) - (means[0] as number) > 1.5, `${means}`);
    const age = fitted.keptColumns.indexOf(6);
    assert.equal(fitted.means[0]?.[age], fitted.means[1]?.[age], 'a clock has one mean');
  });

  it('finds one regime where settings only scatter', () => {
    const rng = new Rng(1);
    const scattered = histories.map((history) => {
      const rows = history.rows.slice();
      for (let step = 0; step < history.stepCount; step++)
        rows[step * smallSpec.names.length] = 1500 + 100 * rng.normal();
      return { ...history, rows };
    });
    assert.equal(smallPreprocessing(scattered).regimes.centroids.length, 0);
  });

  for (const [order, fit] of [
    ['oldest-first', fitted],
    ['newest-first', fitted],
    ['oldest-first', withLags],
    ['newest-first', withLags],
  ] as const)
    it(`is in the graph what it is by definition, ${order}${fit === fitted ? '' : ', with lags and differences'}`, async () => {
      const windows = histories
        .slice(0, 6)
        .flatMap((history) => [0, 2, 7, 11].map((step) => windowAt(history, step)));
      const graph = new Graph();
      const input = graph.input('windows', windowDims(fit.spec, dim('batch', null)));
      graph.output('inputs', preprocess(input, fit, order));
      graph.output('counts', realStepCounts(input, fit.spec));
      const loaded = await engine.load(encodeGraph(graph));
      const data = Float32Array.from(windows.flatMap(({ rows }) => [...rows]));
      const { inputs, counts } = await loaded.run({
        windows: { dims: [windows.length, smallSpec.contextSteps, smallSpec.names.length], data },
      });
      const width = inputSize(fit);
      assert.deepEqual(inputs?.dims, [smallSpec.windowSteps, windows.length, width]);
      windows.forEach((window, b) => {
        assert.equal(counts?.data[b], Math.min(window.stepCount, smallSpec.windowSteps));
        naive(window, fit).forEach((row, step) => {
          const t = order === 'oldest-first' ? step : smallSpec.windowSteps - 1 - step;
          row.forEach((value, column) => {
            const got = inputs?.data[(t * windows.length + b) * width + column] as number;
            assert.ok(
              Math.abs(got - value) < 2e-5,
              `window ${b} step ${step} input ${column}: ${got}, not ${value}`,
            );
          });
        });
      });
      await loaded.close();
    });

  it('has lags of what is measured only, and refuses those beyond the context', () => {
    assert.equal(inputSize(withLags) - inputSize({ ...withLags, lagSteps: [], differenceSteps: [] }), 4 * 3);
    assert.equal('lagSteps' in fitted, false);
    const options = { smoothingAlphas: [], clipSds: 6, lagSteps: [10] };
    assert.throws(
      () => fitPreprocessing(smallSpec, histories, options, new Rng(3)),
      /`lagSteps` has 10: the network is given 10 steps/,
    );
  });

  it('has another hash when anything in it changes', () => {
    const hash = hashPreprocessing(fitted);
    const [first, second, ...rest] = fitted.spec.names as [string, string, ...string[]];
    const swapped = { ...fitted, spec: { ...fitted.spec, names: [second, first, ...rest] } };
    assert.notEqual(hashPreprocessing(swapped), hash);
    assert.notEqual(hashPreprocessing({ ...fitted, clipSds: 5 }), hash);
    assert.equal(hashPreprocessing(structuredClone(fitted)), hash);
  });
});
