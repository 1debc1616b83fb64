import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitAgeWeibull } from '../../backtest/baselines/age-weibull.js';
import { fitMarginal } from '../../backtest/baselines/marginal.js';
import { judgeLastCycles, readEngines, skipWithoutCmapss, spec } from './cmapss.js';

const digits = (value: number, count: number) => Number(value.toFixed(count));

test('the marginal hazard scores what boosting.py measured on FD001, FD002 and FD003', {
  skip: skipWithoutCmapss,
}, () => {
  for (const [subset, wanted] of [
    ['FD001', 0.0946],
    ['FD002', 0.1192],
    ['FD003', 0.0854],
  ] as const) {
    const { meanBrier, concordance } = judgeLastCycles(fitMarginal(readEngines('train', subset), 30), subset);
    assert.equal(digits(meanBrier, 4), wanted, subset);
    assert.equal(concordance, 0.5);
  }
});

test('a Weibull life by age scores what was measured with another implementation', {
  skip: skipWithoutCmapss,
}, () => {
  for (const [subset, brier, concordance] of [
    ['FD001', 0.0821, 0.777],
    ['FD002', 0.1016, 0.782],
    ['FD003', 0.0762, 0.767],
  ] as const) {
    const scores = judgeLastCycles(fitAgeWeibull(readEngines('train', subset), spec), subset);
    assert.equal(digits(scores.concordance, 3), concordance, subset);
    assert.ok(Math.abs(scores.meanBrier - brier) < 0.0005, `${subset}: ${scores.meanBrier}`);
  }
});
