import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { trainingConfigSchema } from '../../model/config.js';
import { LearningRate, type RateConfig, scheduleNames } from '../../model/learning-rate.js';

const config = (change: Partial<RateConfig> = {}): RateConfig => ({
  ...trainingConfigSchema.parse({ steps: 100, learningRate: 1, warmUpShare: 0.1, finalRateShare: 0.02 }),
  ...change,
});

describe('the learning rate', () => {
  it('rises, then falls along a cosine to its last share', () => {
    const rate = new LearningRate(config());
    assert.equal(rate.at(1), 0.1);
    assert.equal(rate.at(10), 1);
    assert.ok(Math.abs(rate.at(55) - 0.51) < 1e-12);
    assert.ok(Math.abs(rate.at(100) - 0.02) < 1e-12);
  });

  it('warms up under every schedule, and never falls below its last share', () => {
    for (const schedule of scheduleNames) {
      const rate = new LearningRate(
        config({ schedule, decayEverySteps: 5, decayFactor: 0.1, plateauPatience: 0 }),
      );
      assert.equal(rate.at(5), 0.5);
      for (let step = 1; step <= 100; step++) {
        assert.ok(rate.at(step) <= 1 && (step <= 10 || rate.at(step) >= 0.02 - 1e-12), `step ${step}`);
        rate.validated(1);
      }
    }
  });

  it('goes on from its state as if it had not stopped', () => {
    const settings = config({ schedule: 'plateau', plateauPatience: 1 });
    const whole = new LearningRate(settings);
    let broken = new LearningRate(settings);
    for (const [index, loss] of [1, 0.9, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9].entries()) {
      whole.validated(loss);
      broken.validated(loss);
      broken = new LearningRate(settings, JSON.parse(JSON.stringify(broken.state)));
      assert.equal(broken.at(20 + index), whole.at(20 + index));
    }
    assert.ok(whole.at(50) < 0.5, 'it fell');
  });
});
