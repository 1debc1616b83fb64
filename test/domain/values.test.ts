import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { normalCdf } from '../../domain/normal.js';
import { limitPassings, passedBy, type SensorForecast } from '../../domain/values.js';

const rising: SensorForecast = {
  sensor: 'vibration',
  low: [1, 2, 3, 4, 5],
  median: [2, 3, 4, 5, 6],
  high: [4, 5, 6, 7, 8],
};

describe('passing an operating limit', () => {
  it('is told by the day of the median, between those of the interval', () => {
    assert.deepEqual(limitPassings(rising, { high: 4.5 }), [
      { sensor: 'vibration', side: 'above', limit: 4.5, day: 4, earliestDay: 2, latestDay: 5 },
    ]);
    assert.deepEqual(limitPassings(rising, { high: 5 }), [
      { sensor: 'vibration', side: 'above', limit: 5, day: 5, earliestDay: 3, latestDay: null },
    ]);
  });

  it('counts from the low side, too, and is silent where the interval stays inside', () => {
    assert.deepEqual(limitPassings(rising, { low: 1.5 }), [
      { sensor: 'vibration', side: 'below', limit: 1.5, day: null, earliestDay: 1, latestDay: null },
    ]);
    assert.deepEqual(limitPassings(rising, { low: 0.5, high: 9 }), []);
    assert.deepEqual(limitPassings(rising, {}), []);
  });

  it('has a chance that never falls', () => {
    const chances = passedBy(1, [0.5, 1, 0.2], [0.5, 0.5, 0.5]);
    assert.ok(Math.abs((chances[0] as number) - 0.158655) < 1e-6);
    assert.ok(Math.abs((chances[1] as number) - 0.5) < 1e-6);
    assert.equal(chances[2], chances[1]);
  });
});

describe('the normal distribution', () => {
  it('as scipy.stats.norm.cdf has it', () => {
    for (const [z, wanted] of [
      [-3, 0.0013498980316301],
      [-1.2815515655446004, 0.1],
      [0, 0.5],
      [0.5, 0.691462461274013],
      [2, 0.977249868051821],
      [6, 0.999999999013412],
    ] as const)
      assert.ok(Math.abs(normalCdf(z) - wanted) < 2e-7, `${z}`);
  });
});
