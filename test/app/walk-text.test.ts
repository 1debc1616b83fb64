import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FoldScores, SeedScores } from '../../app/walk/judge-walk.js';
import { formatFolds, formatSeeds, walkSection } from '../../app/walk/walk-text.js';

const scores = (own: number | null) => ({
  judgedCount: 1414,
  failedCount: 603,
  forecasters: [
    { name: 'walk-forward', meanBrier: own, skill: own === null ? null : 0.25, concordance: null },
    { name: 'marginal hazard', meanBrier: 0.2, skill: 0, concordance: 0.5 },
    { name: 'age < Weibull', meanBrier: 0.16, skill: 0.2, concordance: 0.6 },
  ],
});
const startMs = Date.UTC(2026, 0, 1);
const fold = (number: number, seed: number): FoldScores => ({
  ...scores(0.15),
  ...{ seed, version: 'lstm-1', trainingMachineCount: 12 },
  fold: {
    number,
    trainFromMs: startMs,
    trainUntilMs: startMs + 86_400_000,
    fromMs: startMs + 2 * 86_400_000,
    lastOriginMs: startMs + 3 * 86_400_000,
    toMs: startMs + 4 * 86_400_000 - 1,
  },
});
const folds = [fold(1, 7), fold(2, 7), fold(1, 8), fold(2, 8)];
const seeds: SeedScores[] = [
  { seed: 7, ...scores(0.14) },
  { seed: 8, ...scores(0.16) },
];

test('a row for each fold of the first seed, and for each seed, with the best baseline and the spread', () => {
  const text = formatFolds({ folds }).join('\n');
  assert.equal(
    text.match(/2026-01-03 00:00 +2026-01-04 00:00 +1,414 +603 +0\.1500 +– +25 % +0\.1600 age < Weibull/g)
      ?.length,
    2,
  );
  const lines = formatSeeds({ seeds }).join('\n');
  assert.match(lines, /^ *7 .*0\.1400.*\n *8 .*0\.1600/m);
  // Two values .02 apart: their sample deviation is .02 / √2.
  assert.match(lines, /over 2 seeds: 0\.0141\./);
  assert.deepEqual(formatSeeds({ seeds: seeds.slice(0, 1) }), []);
});

test('what has no score shows none, and names are text in HTML', () => {
  assert.match(
    formatSeeds({ seeds: [...seeds, { seed: 9, ...scores(null) }] }).join('\n'),
    /9 .* – +– +– .*\n.*seeds: –\./,
  );
  const html = walkSection({ folds, seeds });
  assert.equal(html.match(/<tr>/g)?.length, 1 + 2 + 1 + 2);
  assert.ok(html.includes('0.1600 age &#60; Weibull'));
});
