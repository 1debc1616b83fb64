// Distances, tails and rates of drift against SciPy (make_drift_goldens.py), and cases worked by hand.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { changePoints } from '../../../backtest/drift/change-points.js';
import { kolmogorovSmirnov, populationStabilityIndex } from '../../../backtest/drift/distances.js';
import { holm, pairedMaxT, rateTest } from '../../../backtest/drift/family-tests.js';
import { studentTail } from '../../../backtest/metrics/incomplete-beta.js';
import { Rng } from '../../../domain/rng.js';
import { countFine, makeReference } from '../../../model/reference.js';
import { specOf } from './rows.js';

const goldens = JSON.parse(readFileSync('test/backtest/drift/drift-goldens.json', 'utf8')) as {
  samples: { then: number[]; now: number[]; ks: number }[];
  tails: { t: number; freedom: number; p: number }[];
  rates: { now: [number, number]; then: [number, number]; p: number }[];
  fits: { y: number[]; jump: number; t: number; autocorrelation: number }[];
};

test('the KS distance is that of SciPy, up to the share of one bin of the reference', () => {
  for (const { then, now, ks } of goldens.samples) {
    const exact = countFine({ edges: [...new Set(then)].sort((a, b) => a - b) }, now).counts;
    const exactThen = countFine({ edges: [...new Set(then)].sort((a, b) => a - b) }, then).counts;
    // With an edge at every value of one side, at most a step of the other is missed.
    assert.ok(Math.abs(kolmogorovSmirnov(exact, exactThen) - ks) <= 1 / now.length + 1 / then.length);
    const [feature] = makeReference(specOf(['s.mean']), [historyOf(then)]).features;
    assert.ok(feature);
    const binned = kolmogorovSmirnov(countFine(feature, now.map(Math.fround)).counts, feature.counts);
    assert.ok(binned <= ks + 1e-9 && binned >= ks - 0.02 - 1 / now.length, `${binned} of ${ks}`);
  }
});

function historyOf(values: readonly number[]) {
  return {
    machine: 'm',
    rows: Float32Array.from(values),
    stepCount: values.length,
    originsMs: Float64Array.from(values, (_, i) => i),
    eventDay: new Uint8Array(values.length),
    knownDays: new Uint8Array(values.length),
  };
}

test('PSI worked by hand: shares of .5 .3 .2 where .25 .25 .5 were; halves of a row in empty bins', () => {
  // (.5 − .25) ln 2 + (.3 − .25) ln 1.2 + (.2 − .5) ln .4
  const byHand = 0.25 * Math.LN2 + 0.05 * Math.log(1.2) + 0.3 * Math.log(2.5);
  assert.ok(Math.abs(populationStabilityIndex([50, 30, 20], [25, 25, 50]) - byHand) < 1e-12);
  assert.equal(populationStabilityIndex([10, 20], [100, 200]), 0);
  // .05 instead of 0 of ten, 1 instead of .5: (.05 − .5) ln .1 + (1 − .5) ln 2
  const empty = -0.45 * Math.log(0.1) + 0.5 * Math.LN2;
  assert.ok(Math.abs(populationStabilityIndex([0, 10], [5, 5]) - empty) < 1e-12);
  assert.ok(Number.isNaN(kolmogorovSmirnov([0, 0], [1, 1])));
});

test("Student's tail and the test of two rates are those of SciPy, far out too", () => {
  for (const { t, freedom, p } of goldens.tails)
    assert.ok(
      Math.abs(studentTail(t, freedom) / p - 1) < 1e-9,
      `t ${t} of ${freedom}: ${studentTail(t, freedom)}, not ${p}`,
    );
  for (const { now, then, p } of goldens.rates) {
    const ours = rateTest({ count: now[0], exposure: now[1] }, { count: then[0], exposure: then[1] });
    assert.ok(Math.abs(ours - p) < 1e-9, `${ours}, not ${p}`);
  }
});

test('Holm: the example of five', () => {
  assert.deepEqual(
    holm([0.01, 0.04, 0.03, 0.005, 0.5]).map((p) => Number(p.toFixed(6))),
    [0.04, 0.09, 0.09, 0.025, 0.5],
  );
});

test('a jump is the coefficient of least squares, its t that of NumPy made smaller by what hangs together', () => {
  for (const { y, jump, t, autocorrelation } of goldens.fits) {
    const found = changePoints(Float64Array.from(y), new Array<boolean>(28).fill(false), Infinity);
    const middle = found.find(({ index }) => index === 14);
    if (Math.abs(t) > 6) assert.ok(middle, 'the place of a large jump');
    if (!middle) continue;
    assert.ok(Math.abs(middle.jump - jump) < 1e-9);
    const rho = Math.min(0.9, autocorrelation + (1 + 3 * autocorrelation) / 28);
    const shrink = Math.min(1, (1 - rho) / (1 + rho));
    assert.ok(Math.abs(middle.t - t * Math.sqrt(shrink)) < 1e-6, `${middle.t} of ${t}`);
  }
});

test('the randomisation test finds what moved in all units, and holds its level over many statistics that hang together', () => {
  const draw = (rng: Rng, shift: number): Float64Array[] =>
    Array.from({ length: 30 }, () => {
      const shared = rng.normal();
      return Float64Array.from({ length: 40 }, (_, s) => shared + rng.normal() + (s === 7 ? shift : 0));
    });
  const options = { drawCount: 199, unitsMin: 5 };
  const moved = pairedMaxT(draw(new Rng(3), 3), { ...options, rng: new Rng(1) });
  assert.ok((moved[7]?.p as number) <= 0.01 && (moved[7]?.t as number) > 4);
  let falseCount = 0;
  for (let seed = 0; seed < 200; seed++) {
    const tested = pairedMaxT(draw(new Rng(100 + seed), 0), { ...options, rng: new Rng(1) });
    if (Math.min(...tested.map(({ p }) => p)) <= 0.05) falseCount++;
  }
  // 10 of 200 are expected; 20 lie more than three standard deviations above.
  assert.ok(falseCount <= 20 && falseCount >= 2, `${falseCount} of 200 at .05`);
  const few = pairedMaxT(draw(new Rng(3), 3).slice(0, 4), { ...options, rng: new Rng(1) });
  assert.ok(few.every(({ p }) => p === 1));
});
