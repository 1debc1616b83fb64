/** Calibrators against scikit-learn's: make_calibration_goldens.py. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { applyIsotonic, fitIsotonic } from '../../../model/calibration/isotonic.js';
import { fitPlatt, fitTemperature, logit } from '../../../model/calibration/sigmoid.js';

interface Golden {
  readonly name: string;
  readonly said: number[];
  readonly failed: number[];
  readonly isotonic: number[];
  readonly platt: [number, number];
  readonly temperature: number;
}
const { probe, cases } = JSON.parse(readFileSync('test/model/golden/calibration.json', 'utf8')) as {
  readonly probe: number[];
  readonly cases: Golden[];
};

/** scikit-learn's optimizers stop at a gradient of about 1e-5 of the likelihood; ours go on. */
const tolerance = 2e-4;
const near = (got: number, wanted: number, within: number, what: string) =>
  assert.ok(Math.abs(got - wanted) <= within * Math.max(1, Math.abs(wanted)), `${what}: ${got}, ${wanted}`);

for (const { name, said, failed, isotonic, platt, temperature } of cases)
  describe(`calibration of forecasts that are ${name} is scikit-learn's`, () => {
    const logits = said.map(logit);

    it('isotonic, to 1e-12', () => {
      const steps = fitIsotonic(said, failed);
      probe.forEach((x, index) => {
        near(applyIsotonic(steps, x), isotonic[index]!, 1e-12, `at ${x}`);
      });
    });

    it('Platt', () => {
      const { slope, intercept } = fitPlatt(logits, failed);
      near(slope, platt[0], tolerance, 'slope');
      near(intercept, platt[1], tolerance, 'intercept');
    });

    it('temperature', () => {
      const { slope, intercept } = fitTemperature(logits, failed);
      near(slope, temperature, 1e-6, 'slope');
      assert.equal(intercept, 0);
    });
  });
