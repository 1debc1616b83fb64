// Each verdict comes from what it says, and only from that; figures equal naive recomputation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autocorrelation } from '../../backtest/diagnosis/autocorrelation.js';
import { diagnoseNetwork, type JudgedMachine, type LossPoint } from '../../backtest/diagnosis/diagnose.js';
import { Rng } from '../../domain/rng.js';

const horizonDays = 10;

/**
 * Machines that fail with a hazard of their own, known to `said` up to a distortion. `skew` makes the curve of a row from
 * the true hazard.
 */
function machines(
  count: number,
  seed: number,
  said: (hazard: number, rng: Rng, bias: number) => number,
): JudgedMachine[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, (_, index) => {
    const bias = rng.normal();
    return {
      machine: `m${index}`,
      rows: Array.from({ length: 60 }, () => {
        const hazard = 0.3 * rng.uniform() ** 2;
        let eventDay = 0;
        for (let day = 1; day <= horizonDays && eventDay === 0; day++)
          if (rng.uniform() < hazard) eventDay = day;
        const told = Math.min(0.95, Math.max(0, said(hazard, rng, bias)));
        return {
          probabilities: Float32Array.from(
            { length: horizonDays },
            (_day, day) => 1 - (1 - told) ** (day + 1),
          ),
          eventDay,
          knownDays: eventDay || horizonDays,
          observedDays: horizonDays,
        };
      }),
    };
  });
}

const marginal = Float64Array.from({ length: horizonDays }, (_, day) => 1 - 0.9 ** (day + 1));
const exact = (hazard: number) => hazard;
const falling: readonly LossPoint[] = [5, 4, 3, 3.2, 3.1].map((validationLoss, index) => ({
  step: 25 * (index + 1),
  trainLoss: 5 - index,
  validationLoss,
}));
const diagnose = (
  unseen: readonly JudgedMachine[],
  training: readonly JudgedMachine[] = machines(40, 2, exact),
  losses: readonly LossPoint[] = falling,
) => diagnoseNetwork({ training, unseen, marginal, horizonDays, losses });
const namesOf = (found: ReturnType<typeof diagnose>) => found.verdicts.map(({ name }) => name);

test('a network that says what is true is sound', () => {
  const found = diagnose(machines(40, 1, exact));
  assert.deepEqual(namesOf(found), ['sound']);
  assert.ok((found.unseen.skill ?? 0) > limitsOfSkill);
});
const limitsOfSkill = 0.05;

test('wrong on machines that it has not seen, right on its own: overfit', () => {
  const found = diagnose(machines(40, 1, (_hazard, rng) => 0.3 * rng.uniform() ** 2));
  assert.ok(namesOf(found).includes('overfit'), namesOf(found).join());
  assert.ok(namesOf(found).includes('no-skill'));
  assert.ok(!namesOf(found).includes('underfit'));
});

test('no better than the marginal on its own machines: underfit', () => {
  const flat = () => 0.1;
  const names = namesOf(diagnose(machines(40, 1, flat), machines(40, 2, flat)));
  assert.ok(names.includes('underfit') && !names.includes('overfit'), names.join());
});

test('twice the hazard: biased and miscalibrated; the validation loss still falling: stopped too soon', () => {
  const names = namesOf(
    diagnose(
      machines(40, 1, (hazard) => 2.5 * hazard),
      undefined,
      falling.slice(0, 3).concat({ step: 100, trainLoss: 1, validationLoss: 2 }),
    ),
  );
  for (const name of ['biased', 'miscalibrated', 'stopped-too-soon'] as const)
    assert.ok(names.includes(name), names.join());
});

test('what is known of the machine is not read: its errors last, memory too short', () => {
  const found = diagnose(lasting());
  assert.ok(namesOf(found).includes('memory-too-short'), namesOf(found).join());
});

/** Half of the machines never fail, half often; the network says the same of all. */
function lasting(): JudgedMachine[] {
  const rng = new Rng(4);
  return Array.from({ length: 30 }, (_, index) => ({
    machine: `m${index}`,
    rows: Array.from({ length: 60 }, () => {
      const eventDay = index % 2 === 0 ? 1 + rng.int(4) : 0;
      return {
        probabilities: marginal,
        eventDay,
        knownDays: eventDay || horizonDays,
        observedDays: horizonDays,
      };
    }),
  }));
}

test('mean residuals equal those counted by hand', () => {
  const unseen = machines(3, 6, exact);
  const { meanResidual } = diagnose(unseen).unseen;
  for (let day = 1; day <= horizonDays; day++) {
    const residuals = unseen.flatMap(({ rows }) =>
      rows.map(
        ({ eventDay, probabilities }) =>
          (eventDay > 0 && eventDay <= day ? 1 : 0) - (probabilities[day - 1] as number),
      ),
    );
    const wanted = residuals.reduce((sum, value) => sum + value, 0) / residuals.length;
    assert.ok(Math.abs((meanResidual[day - 1] ?? Number.NaN) - wanted) < 1e-12);
  }
});

test('autocorrelation of an AR(1) series is its coefficient to the power of the lag', () => {
  const rng = new Rng(5);
  const series = Array.from({ length: 20 }, () => {
    let value = 0;
    return Array.from({ length: 2000 }, () => {
      value = 0.7 * value + rng.normal();
      return value;
    });
  });
  autocorrelation(series, 4).forEach((value, index) => {
    assert.ok(Math.abs((value ?? Number.NaN) - 0.7 ** (index + 1)) < 0.02, `lag ${index + 1}: ${value}`);
  });
  assert.deepEqual(autocorrelation([[1, 1, 1]], 2), [null, null]);
  assert.deepEqual(autocorrelation([[1, 2], [3]], 2)[1], null);
});
