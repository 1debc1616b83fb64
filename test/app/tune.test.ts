import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { makeMethod } from '../../app/tune/methods.js';
import { MedianRule } from '../../app/tune/pruning.js';
import {
  checkSpace,
  gridValues,
  type Range,
  searchSpaceSchema,
  shareOf,
  valueAt,
  withSettings,
} from '../../app/tune/space.js';
import type { SearchTrial } from '../../app/tune/tune.js';
import { formatSearch, searchCsv, tradeOffs } from '../../app/tune/tune-text.js';
import { UserError } from '../../domain/errors.js';
import { trainingConfigSchema } from '../../model/config.js';

const base = trainingConfigSchema.parse({});
const space = searchSpaceSchema.parse({
  hiddenSize: [32, 64],
  cell: ['lstm', 'gru'],
  learningRate: { from: 0.001, to: 0.1, scale: 'log', points: 3 },
  layers: { from: 1, to: 3, integer: true },
});

describe('a search space', () => {
  it('has grids with both ends, on its scale, whole numbers once', () => {
    assert.deepEqual(gridValues(space.learningRate as Range), [0.001, 0.01, 0.1]);
    assert.deepEqual(gridValues(space.layers as Range), [1, 2, 3]);
  });

  it('goes from values to shares and back', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (share, log) => {
        const range = {
          from: 0.5,
          to: 80,
          scale: log ? 'log' : 'linear',
          integer: false,
          points: 5,
        } as const;
        const value = valueAt(range, share);
        assert.ok(value >= 0.5 && value <= 80);
        assert.ok(Math.abs(shareOf(range, value) - share) < 1e-7);
      }),
    );
  });

  it('is refused by name before the first training', () => {
    const refused = (fields: object, message: RegExp) =>
      assert.throws(
        () => checkSpace(base, searchSpaceSchema.parse(fields)),
        (error: unknown) => error instanceof UserError && message.test(error.message),
      );
    refused({}, /the search space is empty/);
    refused({ hiddensize: [1] }, /names "hiddensize", which is no training setting: use cell, layers/);
    refused({ dropout: { from: 0, to: 1.5 } }, /gives `dropout` the value 1\.5: .*<1/);
    refused({ cell: ['lstm', 'transformer'] }, /gives `cell` the value "transformer"/);
    assert.throws(
      () => searchSpaceSchema.parse({ dropout: { from: 0.5, to: 0.1 } }),
      /`from` must be below `to`/,
    );
    assert.throws(() => searchSpaceSchema.parse({ dropout: { from: 0, to: 1, scale: 'log' } }), /above 0/);
  });

  it('puts its values into the settings, lists too', () => {
    const config = withSettings(base, { smoothingAlphas: [0.2], hiddenSize: 32 });
    assert.deepEqual([config.smoothingAlphas, config.hiddenSize, config.steps], [[0.2], 32, base.steps]);
  });
});

describe('the methods', () => {
  it('grid: every combination once; a sample of them where there are too many', () => {
    const all = makeMethod('grid', space, 100, 1);
    assert.equal(all.trialCount, 2 * 2 * 3 * 3);
    const seen = new Set(Array.from({ length: 36 }, (_, i) => JSON.stringify(all.next(i + 1, []))));
    assert.equal(seen.size, 36);
    const some = makeMethod('grid', space, 10, 1);
    const sample = new Set(Array.from({ length: 10 }, (_, i) => JSON.stringify(some.next(i + 1, []))));
    assert.equal(some.trialCount, 10);
    assert.ok(sample.size === 10 && [...sample].every((text) => seen.has(text)));
  });

  it('one at a time: each value of each setting, all else as it was', () => {
    const method = makeMethod('one-at-a-time', space, 100, 1);
    const trials = Array.from({ length: method.trialCount }, (_, i) => method.next(i + 1, []));
    assert.equal(method.trialCount, 2 + 2 + 3 + 3);
    assert.ok(trials.every((settings) => Object.keys(settings).length === 1));
  });

  it('random draws whole numbers alike, those at the ends too', () => {
    const method = makeMethod('random', space, 3000, 1);
    const counts = [0, 0, 0];
    for (let trial = 1; trial <= 3000; trial++) counts[(method.next(trial, []).layers as number) - 1]! += 1;
    for (const count of counts) assert.ok(Math.abs(count - 1000) < 120, String(counts));
  });
});

describe('the median rule', () => {
  const curve = (level: number, seed = 1) => [
    { seed, points: [5, 10, 20, 30].map((step) => [step, level + 10 / step] as const) },
  ];
  it('breaks off what is worse than half of at least five, after the first fifth, seed by seed', () => {
    const rule = new MedianRule();
    for (const level of [1, 2, 3, 4]) rule.learn(curve(level));
    assert.ok(!rule.isPoor(1, 20, 99), 'too few');
    rule.learn(curve(5));
    assert.ok(!rule.isPoor(1, 5, 99), 'too early');
    assert.ok(rule.isPoor(1, 20, 3.6) && !rule.isPoor(1, 20, 3.4), 'the median is 3.5 there');
    assert.ok(!rule.isPoor(2, 20, 99), 'nothing is known of that seed');
  });
});

describe('the table of trials', () => {
  const trial = (number: number, meanBrier: number | null, trainedMs: number): SearchTrial => ({
    number,
    settings: number === 0 ? {} : { hiddenSize: 32 * number, cell: 'a,b' },
    state: meanBrier === null ? 'pruned' : 'complete',
    meanBrier,
    seedSd: 0.0001,
    trainedMs,
    parameterCount: 1000,
    curves: [],
  });
  const result = {
    judgedMachineCount: 25,
    trials: [
      trial(0, 0.012, 20_000),
      trial(1, 0.0102, 10_000),
      trial(2, 0.01, 31_000),
      trial(3, null, 2000),
      trial(4, 0.015, 11_000),
    ],
  };

  it('shows what a little accuracy costs', () => {
    assert.deepEqual(
      tradeOffs(result.trials).map(({ number }) => number),
      [2, 1],
    );
    const text = formatSearch(result, space);
    assert.match(text, /2 {2}\* .* 0\.01 .*\+0\.0 % .* 31 s .* 1\.00×/);
    assert.match(text, /1 {2}\* .*\+2\.0 % .* 10 s .* 0\.32×/);
    assert.match(text, /Trial 1 is 2\.0 % worse than trial 2 and takes 0\.32× its time to train\./);
    assert.match(text, /1 of 5 trials were broken off/);
  });

  it('as CSV holds every trial, quoted where it must be', () => {
    const lines = searchCsv(result, space).trim().split('\n');
    assert.equal(
      lines[0],
      'trial,state,hiddenSize,cell,learningRate,layers,meanBrier,seedSd,relativeToBest,trainedMs,timeOfBest,parameterCount',
    );
    assert.equal(lines[4], '3,pruned,96,"a,b",,,,0.0001,,2000,0.06451612903225806,1000');
    assert.equal(lines.length, 6);
  });
});
