import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitAgeWeibull } from '../../backtest/baselines/age-weibull.js';
import { fitMarginal, marginalHazards } from '../../backtest/baselines/marginal.js';
import { fitPersonPeriod } from '../../backtest/baselines/person-period.js';
import { fitSmoothedLinear } from '../../backtest/baselines/smoothed-linear.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { type DailyRow, dot, fitDailyLogistic, fitLogistic } from '../../model/fallback/logistic.js';

const horizonSteps = 5;
const spec: FeatureSpec = {
  machineType: 'press',
  names: ['age', 'wear.mean', 'serial.mean'],
  units: ['d', 'mm', ''],
  settingColumns: [],
  windowSteps: 5,
  contextSteps: 10,
  horizonSteps,
};

/** A machine that fails on day `life` (or is seen running until then), its wear growing toward the failure. */
function makeHistory(rng: Rng, machine: string, life: number, end: 'failed' | 'running'): History {
  const stepCount = end === 'failed' ? life - 1 : life;
  const ages = Array.from({ length: stepCount }, (_, i) => i + 1);
  return {
    machine,
    rows: Float32Array.from(
      ages.flatMap((age) => [
        age - 1,
        rng.uniform() < 0.1 ? Number.NaN : age / life + 0.05 * rng.normal(),
        7,
      ]),
    ),
    stepCount,
    originsMs: Float64Array.from(ages),
    eventDay: Uint8Array.from(ages, (age) =>
      end === 'failed' && life - age <= horizonSteps ? life - age : 0,
    ),
    knownDays: Uint8Array.from(ages, (age) => Math.min(horizonSteps, life - age)),
  };
}
function makeFleet(seed: number): History[] {
  const rng = new Rng(seed);
  return Array.from({ length: 30 }, (_, i) =>
    makeHistory(rng, `m${i}`, 10 + rng.int(40), i % 4 === 0 ? 'running' : 'failed'),
  );
}

test('the marginal hazard of day k counts only rows whose day k is known', () => {
  const rng = new Rng(1);
  // Fails on day 3: rows at age 1 (day 2 away) and 2 (day 1). Runs to day 4: rows known 3, 2, 1, 0 days.
  const hazards = marginalHazards(
    [makeHistory(rng, 'a', 3, 'failed'), makeHistory(rng, 'b', 4, 'running')],
    horizonSteps,
  );
  assert.deepEqual([...hazards], [1 / 5, 1 / 3, 0, 0, 0]);
});

test('every baseline gives a non-decreasing curve in [0, 1] that depends on no later row', () => {
  const fleet = makeFleet(7);
  const baselines = [
    fitMarginal(fleet, horizonSteps),
    fitAgeWeibull(fleet, spec),
    fitSmoothedLinear(fleet, spec),
    fitPersonPeriod(fleet, spec),
  ];
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 8 }), (seed, row) => {
      const history = makeHistory(new Rng(seed), 'new', 12, 'failed');
      const altered = { ...history, rows: history.rows.slice() };
      altered.rows.fill(99, (row + 1) * spec.names.length);
      for (const baseline of baselines) {
        const curve = baseline.predict(history, row);
        assert.equal(curve.length, horizonSteps);
        curve.forEach((value, k) => {
          assert.ok(value >= (curve[k - 1] ?? 0) && value <= 1, `${baseline.name}: ${[...curve]}`);
        });
        assert.deepEqual(baseline.predict(altered, row), curve, baseline.name);
      }
    }),
    { numRuns: 50 },
  );
});

test('the Weibull baseline recovers the life that made the data, also from machines first seen at some age', () => {
  const rng = new Rng(3);
  const [shape, scale] = [3, 60];
  const histories: History[] = [];
  while (histories.length < 8000) {
    const life = Math.ceil(scale * (-Math.log(1 - rng.uniform())) ** (1 / shape));
    const firstAge = 1 + rng.int(30);
    const end = 40 + rng.int(60);
    if (life <= firstAge) continue; // it failed before anyone looked
    const lastAge = Math.min(life - 1, end);
    const ages = Array.from({ length: lastAge - firstAge + 1 }, (_, i) => firstAge + i);
    if (ages.length === 0) continue;
    histories.push({
      machine: `m${histories.length}`,
      rows: Float32Array.from(ages.flatMap((age) => [age - 1, 0, 7])),
      stepCount: ages.length,
      originsMs: Float64Array.from(ages),
      eventDay: Uint8Array.from(ages, (age) => (life <= end && life - age <= horizonSteps ? life - age : 0)),
      knownDays: Uint8Array.from(ages, (age) => Math.min(horizonSteps, Math.min(life, end) - age)),
    });
  }
  const baseline = fitAgeWeibull(histories, spec);
  for (const age of [10, 40, 80]) {
    const history = { ...(histories[0] as History), rows: Float32Array.of(age - 1, 0, 7) };
    const wanted = 1 - Math.exp((age / scale) ** shape - ((age + 5) / scale) ** shape);
    const actual = baseline.predict(history, 0)[4] as number;
    assert.ok(Math.abs(actual / wanted - 1) < 0.2, `age ${age}: ${actual}, wanted ${wanted}`);
  }
});

test('logistic regression ends where the gradient is zero', () => {
  const rng = new Rng(11);
  const rows = Array.from({ length: 300 }, () => Float64Array.of(1, rng.normal(), rng.normal()));
  const outcomes = rows.map((row) =>
    rng.uniform() < 1 / (1 + Math.exp(2 - 3 * (row[1] as number))) ? 1 : 0,
  );
  const weights = fitLogistic(rows, outcomes, 1, new Float64Array(3));
  const gradient = weights.map((w, j) => (j === 0 ? 1e-3 : 1) * w);
  rows.forEach((row, i) => {
    const residual = 1 / (1 + Math.exp(-dot(weights, row))) - (outcomes[i] as number);
    row.forEach((x, j) => {
      gradient[j] = (gradient[j] as number) + residual * x;
    });
  });
  for (const value of gradient) assert.ok(Math.abs(value) < 1e-6, `${[...gradient]}`);
  assert.deepEqual(
    [...fitLogistic(rows, outcomes, 1, Float64Array.of(4, -4, 4))].map((w) => w.toFixed(6)),
    [...weights].map((w) => w.toFixed(6)),
  );
});

test('rows that stand for their days give the weights of the days one by one', () => {
  const rng = new Rng(17);
  const dayInput = Float64Array.of(-1.2, -0.1, 0.4, 1.7);
  const daily = Array.from({ length: 200 }, (): DailyRow => {
    const daysAtRisk = rng.int(5);
    const eventDay = daysAtRisk > 0 && rng.uniform() < 0.3 ? daysAtRisk : 0;
    return { inputs: Float64Array.of(1, 0, rng.normal(), rng.normal()), daysAtRisk, eventDay };
  });
  const each = daily.flatMap(({ inputs, daysAtRisk, eventDay }) =>
    Array.from({ length: daysAtRisk }, (_, day) => ({
      row: Float64Array.from(inputs, (value, j) => (j === 1 ? (dayInput[day] as number) : value)),
      failed: day + 1 === eventDay ? 1 : 0,
    })),
  );
  const wanted = fitLogistic(
    each.map(({ row }) => row),
    each.map(({ failed }) => failed),
    0.7,
    new Float64Array(4),
  );
  fitDailyLogistic(daily, dayInput, 0.7, 4).forEach((weight, j) => {
    assert.ok(Math.abs(weight - (wanted[j] as number)) < 1e-7, `${j}: ${weight}, wanted ${wanted[j]}`);
  });
});

test('logistic regression of days without any failure gives a small hazard and ends', () => {
  const rows = Array.from({ length: 100 }, (_, i) => Float64Array.of(1, i / 100));
  const weights = fitLogistic(rows, Array(100).fill(0), 1, new Float64Array(2));
  assert.ok(1 / (1 + Math.exp(-dot(weights, rows[50] as Float64Array))) < 0.01);
});

test('the person-period logistic finds the hazard of each group and how it changes with the day', () => {
  const rng = new Rng(5);
  const group: FeatureSpec = { ...spec, names: ['loud.mean'], units: [''] };
  // Hazards that the model can say exactly: logits −2 or −1 for the group, + 0.3 a day.
  const hazard = (loud: number, day: number) => 1 / (1 + Math.exp(2 - loud - 0.3 * day));
  const histories = Array.from({ length: 20_000 }, (_, i): History => {
    const loud = i % 2;
    let day = 1;
    while (day <= horizonSteps && rng.uniform() >= hazard(loud, day)) day++;
    const failed = day <= horizonSteps;
    return {
      machine: `m${i}`,
      rows: Float32Array.of(loud),
      stepCount: 1,
      originsMs: Float64Array.of(0),
      eventDay: Uint8Array.of(failed ? day : 0),
      knownDays: Uint8Array.of(failed ? day : horizonSteps),
    };
  });
  const baseline = fitPersonPeriod(histories, group);
  for (const loud of [0, 1]) {
    const curve = baseline.predict({ ...(histories[loud] as History) }, 0);
    let survival = 1;
    curve.forEach((failed, k) => {
      survival *= 1 - hazard(loud, k + 1);
      assert.ok(Math.abs(failed - (1 - survival)) < 0.02, `group ${loud}, day ${k + 1}: ${failed}`);
    });
  }
});
