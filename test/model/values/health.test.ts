import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Rng } from '../../../domain/rng.js';
import {
  departures,
  earlierRows,
  type HealthCalibration,
  healthOutlook,
  indexSteps,
  indexTrail,
  lineAhead,
} from '../../../model/values/health.js';
import { smallHistories, smallSpec, windowAt } from '../fixtures.js';

const horizon = 10;
const calibration: HealthCalibration = {
  deviationSds: [1, 2],
  limit: 2,
  lineSds: Array.from({ length: horizon }, (_, index) => 0.05 * (index + 1)),
};

describe('health index', () => {
  it('is the root mean square, over the sensors, of mean deviations over half the horizon', () => {
    const rng = new Rng(1);
    const expected = Float32Array.from({ length: 2 * horizon }, () => rng.normal());
    const seen = Float32Array.from({ length: 2 * horizon }, () => 3 * rng.normal());
    const trail = indexTrail(departures(expected, seen, 2), calibration.deviationSds) as number[];
    assert.equal(trail.length, horizon - indexSteps(horizon) + 1);
    const clip = (value: number, max: number) => Math.max(-max, Math.min(max, value));
    trail.forEach((value, index) => {
      const means = [0, 1].map((sensor) => {
        const deviations = Array.from({ length: 5 }, (_, j) => {
          const k = index + j;
          const departed =
            (seen[k * 2 + sensor] as number) - clip(expected[sensor * horizon + k] as number, 2);
          return clip(departed / (calibration.deviationSds[sensor] as number), 6);
        });
        return deviations.reduce((sum, each) => sum + each, 0) / 5;
      });
      const wanted = Math.sqrt(((means[0] as number) ** 2 + (means[1] as number) ** 2) / 2);
      assert.ok(Math.abs(value - wanted) < 1e-6);
    });
  });

  it('does without a silent sensor, and is none where all are silent', () => {
    const expected = new Float32Array(2 * horizon);
    const seen = Float32Array.from({ length: 2 * horizon }, (_, at) => (at % 2 === 0 ? NaN : 4));
    assert.deepEqual(indexTrail(departures(expected, seen, 2), [1, 2]), Array(6).fill(2));
    seen.fill(NaN);
    assert.equal(indexTrail(departures(expected, seen, 2), [1, 2]), undefined);
  });

  it('the expectation is of the window as it was, before the steps that it is compared with', () => {
    const [history] = smallHistories(1) as [ReturnType<typeof smallHistories>[0]];
    const width = smallSpec.names.length;
    const now = windowAt(history, 11).rows;
    const earlier = windowAt(history, 6).rows;
    const cut = earlierRows(now, smallSpec, 5);
    // What came before the window of now is forgotten, all else is there.
    assert.deepEqual(cut.subarray(5 * width), earlier.subarray(5 * width));
    assert.ok(cut.subarray(0, 5 * width).every(Number.isNaN));
  });

  it('goes on along its line', () => {
    assert.deepEqual(
      lineAhead([1, 1.5, 2], 3).map((value) => Math.round(1e9 * value) / 1e9),
      [2.5, 3, 3.5],
    );
  });

  it('the chance of passing never falls, is near 1 after a line has crossed and 1 when it is passed', () => {
    const rising = healthOutlook([0.5, 0.7, 0.9, 1.1, 1.3, 1.5], calibration);
    assert.equal(rising.index, 0.75);
    const [first, , , , , , , , , last] = rising.probabilities as number[];
    // 0.85 after a step, with a standard deviation of .05; 1.05 after three, 1.75 after ten, with .5.
    assert.ok((first as number) < 0.01 && (last as number) > 0.7, `${first} ${last}`);
    assert.ok((rising.probabilities[2] as number) > 0.5);
    for (let k = 1; k < horizon; k++)
      assert.ok((rising.probabilities[k] as number) >= (rising.probabilities[k - 1] as number));
    assert.deepEqual(healthOutlook([1, 2, 3], calibration).probabilities, Array(horizon).fill(1));
    assert.ok((healthOutlook([0.5, 0.5, 0.5], calibration).probabilities.at(-1) as number) < 0.1);
  });
});
