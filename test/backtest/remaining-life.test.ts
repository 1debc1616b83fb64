import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  capLives,
  expectedLifeDays,
  nasaScore,
  rootMeanSquaredError,
} from '../../backtest/metrics/remaining-life.js';

const near = (value: number | null, wanted: number) =>
  assert.ok(value !== null && Math.abs(value - wanted) < 1e-9, `${value}, wanted ${wanted}`);

test('the error of remaining life is a root of a mean of squares', () => {
  near(
    rootMeanSquaredError([
      { saidDays: 10, actualDays: 13 },
      { saidDays: 24, actualDays: 20 },
    ]),
    Math.sqrt(12.5),
  );
  assert.equal(rootMeanSquaredError([]), null);
});

test("NASA's score is 0 for the truth and punishes a late forecast more than an early one", () => {
  assert.equal(nasaScore([{ saidDays: 50, actualDays: 50 }]), 0);
  near(nasaScore([{ saidDays: 37, actualDays: 50 }]), Math.E - 1);
  near(nasaScore([{ saidDays: 60, actualDays: 50 }]), Math.E - 1);
  near(
    nasaScore([
      { saidDays: 63, actualDays: 50 },
      { saidDays: 37, actualDays: 50 },
    ]),
    Math.exp(1.3) - 1 + Math.E - 1,
  );
  assert.equal(nasaScore([]), null);
});

test('a cap is put on both sides: beyond it nothing is wrong any more', () => {
  const rows = [
    { saidDays: 125, actualDays: 140 },
    { saidDays: 130, actualDays: 90 },
  ];
  assert.deepEqual(capLives(rows, 125), [
    { saidDays: 125, actualDays: 125 },
    { saidDays: 125, actualDays: 90 },
  ]);
});

test('the expected life of a constant hazard is its geometric sum, also beyond the horizon', () => {
  const hazard = 0.02;
  const curve = Array.from({ length: 30 }, (_, index) => 1 - (1 - hazard) ** (index + 1));
  near(expectedLifeDays(curve, 125), (1 - (1 - hazard) ** 125) / hazard);
});

test('a machine that cannot fail is expected to live to the cap, one that fails at once a single day', () => {
  assert.equal(expectedLifeDays(new Float64Array(30), 125), 125);
  assert.equal(expectedLifeDays(new Float64Array(30).fill(1), 125), 1);
});

test('a curve that is nowhere lower expects no longer a life', () => {
  const hazards = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 30, maxLength: 30 });
  const curveOf = (values: readonly number[]) => {
    let survival = 1;
    return values.map((value) => {
      survival *= 1 - value;
      return 1 - survival;
    });
  };
  fc.assert(
    fc.property(hazards, fc.double({ min: 1, max: 5, noNaN: true }), (values, factor) => {
      const life = expectedLifeDays(curveOf(values), 125);
      const worse = expectedLifeDays(curveOf(values.map((value) => Math.min(1, value * factor))), 125);
      assert.ok(life >= 1 && life <= 125, `${life}`);
      assert.ok(worse <= life + 1e-9, `${worse} over ${life}`);
    }),
  );
});
