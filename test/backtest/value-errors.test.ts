import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seasonalNaive, smoothing, trainingMean } from '../../backtest/baselines/value-baseline.js';
import {
  type JudgedValue,
  seasonalNaiveScale,
  valueErrorsByStep,
} from '../../backtest/metrics/value-errors.js';
import { UserError } from '../../domain/errors.js';
import { Rng } from '../../domain/rng.js';

describe('errors of value forecasts', () => {
  it('per step ahead, as computed one by one', () => {
    const rng = new Rng(1);
    const scales = [0.5, 20];
    const rows = Array.from({ length: 300 }, (): JudgedValue => {
      const series = rng.int(2);
      const size = scales[series] as number;
      const actual = size * rng.normal();
      const said = actual + size * rng.normal();
      return { series, stepsAhead: 1 + rng.int(3), said, low: said - size, high: said + size, actual };
    });
    const errors = valueErrorsByStep(rows, scales, 4);
    for (const step of [1, 2, 3]) {
      const own = rows.filter(({ stepsAhead }) => stepsAhead === step);
      const mean = (of: (row: JudgedValue) => number) =>
        own.reduce((sum, row) => sum + of(row), 0) / own.length;
      const near = (got: number | null | undefined, wanted: number) =>
        assert.ok(Math.abs((got as number) - wanted) < 1e-12, `${got} is ${wanted}`);
      const found = errors[step - 1];
      near(
        found?.mae,
        mean((row) => Math.abs(row.said - row.actual)),
      );
      near(found?.rmse, Math.sqrt(mean((row) => (row.said - row.actual) ** 2)));
      near(
        found?.mase,
        mean((row) => Math.abs(row.said - row.actual) / (scales[row.series] as number)),
      );
      near(
        found?.coverage,
        mean((row) => (Math.abs(row.said - row.actual) <= (scales[row.series] as number) ? 1 : 0)),
      );
      near(found?.scaledWidth, 2);
    }
    assert.deepEqual(errors[3], { mae: null, rmse: null, mase: null, coverage: null, scaledWidth: null });
  });

  it('the naive forecast one season ahead has, on what it is scaled by, a MASE of 1', () => {
    const rng = new Rng(2);
    const series = Array.from({ length: 80 }, (_, at) => 5 + (at % 7) + rng.normal());
    const scale = seasonalNaiveScale(series, 7, 'volt');
    const origins = Array.from({ length: 80 - 7 }, (_, at) => at + 6);
    const rows = seasonalNaive(7)
      .forecast(series, origins, 80, 1)
      .map((curve, index) => ({
        series: 0,
        stepsAhead: 1,
        said: curve[0] as number,
        low: null,
        high: null,
        actual: series[(origins[index] as number) + 1] as number,
      }));
    assert.ok(Math.abs((valueErrorsByStep(rows, [scale], 1)[0]?.mase as number) - 1) < 1e-12);
  });

  it('a series without a scale is refused by name', () => {
    assert.throws(() => seasonalNaiveScale([3, 3, 3], 1, 'm1 volt'), /^UserError: m1 volt never changes/);
    assert.throws(() => seasonalNaiveScale([3, 4], 7, 'm1 volt'), UserError);
  });
});

describe('baselines of value forecasts', () => {
  const rng = new Rng(3);
  const series = Float64Array.from(
    { length: 60 },
    (_, at) => 10 + 0.1 * at + 2 * (at % 4) + 0.1 * rng.normal(),
  );
  series[30] = NaN;
  const baselines = [
    trainingMean,
    seasonalNaive(1),
    seasonalNaive(4),
    smoothing('simple', 1),
    smoothing('holt', 1),
    smoothing('holt-winters', 4),
  ];

  for (const baseline of baselines)
    it(`${baseline.name}: what comes after an origin does not change its forecast`, () => {
      const changed = series.map((value, at) => (at > 45 ? -value : value));
      const of = (values: Float64Array) => baseline.forecast(values, [31, 45], 40, 9);
      assert.deepEqual(of(changed), of(series));
    });

  it('seasonal naive repeats the last round, and goes a round further back for what is missing', () => {
    const [curve] = seasonalNaive(4).forecast(series, [32], 33, 6);
    assert.deepEqual(
      [...(curve as Float64Array)],
      [29, 26, 31, 32, 29, 26].map((at) => series[at]),
    );
  });

  it('Holt and Winters see trend and season, simple smoothing neither', () => {
    const error = (kind: 'simple' | 'holt-winters') => {
      const [curve] = smoothing(kind, 4).forecast(series, [49], 40, 10);
      return Math.max(
        ...(curve as Float64Array).map((said, index) => Math.abs(said - (series[50 + index] as number))),
      );
    };
    assert.ok(error('holt-winters') < 0.5, `${error('holt-winters')}`);
    assert.ok(error('simple') > 2, `${error('simple')}`);
  });
});
