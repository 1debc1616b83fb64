import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { marginalCurve } from '../../../backtest/baselines/marginal.js';
import type { FeatureWindow, History } from '../../../domain/features.js';
import {
  fitSimpleModels,
  SimpleModels,
  type StoredSimpleModels,
} from '../../../model/fallback/simple-models.js';
import { type Origin, originsOf, windowOf } from '../../../model/windows.js';
import { smallHistories, smallSpec } from '../fixtures.js';

const training = smallHistories(30, 1);
const stored = fitSimpleModels(smallSpec, training, []);
const models = new SimpleModels(stored);
const { horizonSteps, contextSteps, names } = smallSpec;

test('on machines that they have not seen they beat the marginal hazard, and the readings beat the age', () => {
  const origins = originsOf(smallHistories(30, 2));
  const marginal = marginalCurve(training, horizonSteps);
  const briers = [
    brier(origins, (window) => models.smoothed(window)),
    brier(origins, (window) => models.byAge(window) as Float32Array),
    brier(origins, () => marginal),
  ];
  assert.deepEqual([...briers].sort(), briers, 'best first');
  assert.ok((briers[0] as number) < 0.75 * (briers[2] as number), `${briers}`);
});

function brier(origins: readonly Origin[], curveOf: (window: FeatureWindow) => ArrayLike<number>): number {
  let [sum, count] = [0, 0];
  for (const origin of origins) {
    const curve = curveOf(windowOf(smallSpec, origin));
    const event = origin.history.eventDay[origin.step] as number;
    const known = event || (origin.history.knownDays[origin.step] as number);
    for (let day = 1; day <= horizonSteps; day++) {
      const failed = event > 0 && event <= day;
      if (!failed && day > known) continue;
      sum += ((curve[day - 1] as number) - (failed ? 1 : 0)) ** 2;
      count += 1;
    }
  }
  return sum / count;
}

test('the smoothed curve is what its definition gives, worked out one number at a time', () => {
  for (const origin of originsOf(smallHistories(3, 3)).filter((_, index) => index % 7 === 0)) {
    const window = windowOf(smallSpec, origin);
    const curve = models.smoothed(window);
    naiveCurve(stored, window).forEach((value, day) => {
      assert.ok(Math.abs(value - (curve[day] as number)) < 1e-6, `day ${day + 1}: ${value}, ${curve[day]}`);
    });
  }
});

/** Weights × (1, day, newest values, averages), from the window's last rows backwards. */
function naiveCurve({ smoothing }: StoredSimpleModels, { rows, stepCount }: FeatureWindow): number[] {
  const { preprocessing, weights, dayMean, daySd } = smoothing;
  const { keptColumns, smoothedColumns, regimes, means, sds } = preprocessing;
  const regimeOf = (row: ArrayLike<number>): number => {
    const point = regimes.columns.map((column, axis) => {
      const value = row[column] as number;
      return (
        ((Number.isNaN(value) ? regimes.means[axis] : value) as number) - (regimes.means[axis] as number)
      );
    });
    const distances = regimes.centroids.map((centroid) =>
      centroid.reduce(
        (sum, at, axis) => sum + ((point[axis] as number) / (regimes.sds[axis] as number) - at) ** 2,
        0,
      ),
    );
    return distances.indexOf(Math.min(...distances));
  };
  /** Newest first, what is there only. */
  const scoresOf = (column: number): number[] => {
    const place = keptColumns.indexOf(column);
    return Array.from({ length: Math.min(stepCount, smallSpec.windowSteps) }, (_, back) => {
      const at = (contextSteps - 1 - back) * names.length;
      const row = rows.subarray(at, at + names.length);
      const regime = regimeOf(row);
      const z =
        ((row[column] as number) - (means[regime]?.[place] as number)) / (sds[regime]?.[place] as number);
      return Math.max(-6, Math.min(6, z));
    }).filter((z) => !Number.isNaN(z));
  };
  const average = (scores: readonly number[], alpha: number) =>
    scores.length === 0
      ? 0
      : scores.reduce((sum, z, back) => sum + z * (1 - alpha) ** back, 0) /
        scores.reduce((sum, _, back) => sum + (1 - alpha) ** back, 0);
  const read = keptColumns.filter((column) => !regimes.columns.includes(column));
  const inputs = [
    ...read.map((column) => scoresOf(column)[0] ?? 0),
    ...read
      .filter((column) => smoothedColumns.includes(column))
      .flatMap((column) => [0.1, 0.03].map((alpha) => average(scoresOf(column), alpha))),
  ];
  assert.equal(inputs.length, weights.length - 2);
  let survival = 1;
  return Array.from({ length: horizonSteps }, (_, k) => {
    const logit =
      (weights[0] as number) +
      ((weights[1] as number) * (k + 1 - dayMean)) / daySd +
      inputs.reduce((sum, input, at) => sum + input * (weights[at + 2] as number), 0);
    survival *= 1 - 1 / (1 + Math.exp(-logit));
    return 1 - survival;
  });
}

const anyValue = fc.oneof(
  fc.constant(Number.NaN),
  fc.float(),
  fc.double({ min: -1e4, max: 1e4, noNaN: true }),
  fc.constantFrom(Infinity, -Infinity),
);

test('whatever a window holds, curves are finite, in [0, 1] and never fall', () => {
  const length = contextSteps * names.length;
  const windows = fc.record({
    rows: fc
      .array(anyValue, { minLength: length, maxLength: length })
      .map((values) => Float32Array.from(values)),
    stepCount: fc.integer({ min: 1, max: contextSteps }),
  });
  fc.assert(
    fc.property(windows, (window) => {
      for (const curve of [models.smoothed(window), models.byAge(window) ?? []])
        curve.forEach((value, day) => {
          assert.ok(value >= (curve[day - 1] ?? 0) && value <= 1, `${curve}`);
        });
    }),
    { numRuns: 300 },
  );
});

test('what is stored as JSON forecasts the same bits', () => {
  const again = new SimpleModels(JSON.parse(JSON.stringify(stored)) as StoredSimpleModels);
  for (const origin of originsOf(smallHistories(2, 4))) {
    const window = windowOf(smallSpec, origin);
    assert.deepEqual(again.smoothed(window), models.smoothed(window));
    assert.deepEqual(again.byAge(window), models.byAge(window));
  }
});

test('an age that nobody knows gives no curve', () => {
  const [history] = training as [History];
  const window = windowOf(smallSpec, { history, step: 9 });
  window.rows[window.rows.length - 1] = Number.NaN; // age is the last feature
  assert.equal(models.byAge(window), undefined);

  const ageless = fitSimpleModels({ ...smallSpec, names: names.with(-1, 'since.repair') }, training, []);
  assert.equal(new SimpleModels(ageless).byAge(windowOf(smallSpec, { history, step: 9 })), undefined);
});
