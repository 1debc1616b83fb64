/** Exponential smoothing against statsmodels (make_smoothing_goldens.py). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  fitSmoothing,
  oneStepError,
  type SmoothingKind,
  type SmoothingModel,
  startSmoother,
} from '../../../model/values/smoothing.js';

interface Golden {
  readonly kind: SmoothingKind;
  readonly seasonSteps: number;
  readonly weights: readonly number[];
  readonly series: readonly number[];
  /** Forecast of each value, one step before it. */
  readonly fitted: readonly number[];
  /** Forecasts after the last value. */
  readonly ahead: readonly number[];
  readonly leastError: number;
}

const goldens = JSON.parse(readFileSync('test/model/golden/smoothing-goldens.json', 'utf8')) as Golden[];

describe('exponential smoothing against statsmodels', () => {
  for (const golden of goldens) {
    const [alpha, beta, gamma] = golden.weights;
    const model: SmoothingModel = {
      kind: golden.kind,
      alpha: alpha as number,
      beta: beta ?? 0,
      gamma: gamma ?? 0,
      seasonSteps: golden.kind === 'holt-winters' ? golden.seasonSteps : 1,
    };

    it(`${golden.kind}: every forecast along the series and after it`, () => {
      const smoother = startSmoother(model, golden.series);
      golden.series.forEach((value, at) => {
        assert.ok(Math.abs(smoother.forecast(1) - (golden.fitted[at] as number)) < 1e-9, `step ${at}`);
        smoother.add(value);
      });
      golden.ahead.forEach((wanted, at) => {
        // After the end statsmodels takes the last season to be what it was before the last value (its _predict writes
        // over it); along the series it does not, which the forecasts above have shown.
        if (model.kind === 'holt-winters' && (at + 1) % model.seasonSteps === 0) return;
        assert.ok(Math.abs(smoother.forecast(at + 1) - wanted) < 1e-9, `${at + 1} ahead`);
      });
    });

    it(`${golden.kind}: weights as good as the optimizer's`, () => {
      const fitted = fitSmoothing(golden.kind, golden.series, golden.seasonSteps);
      const ratio = oneStepError(fitted, golden.series) / golden.leastError;
      assert.ok(ratio < 1.005, `${ratio} times the least squared error`);
    });
  }

  it('moves on along its trend where a value is missing', () => {
    const model = { kind: 'holt', alpha: 0.5, beta: 0.5, gamma: 0, seasonSteps: 1 } as const;
    const smoother = startSmoother(model, [1, 2]);
    for (const value of [1, 2, 3]) smoother.add(value);
    const two = smoother.forecast(2);
    assert.ok(Number.isNaN(smoother.add(NaN)));
    assert.equal(smoother.forecast(1), two);
  });
});
