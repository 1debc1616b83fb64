/** Searches over real trainings on small histories. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { methodNames } from '../../app/tune/methods.js';
import { searchSpaceSchema } from '../../app/tune/space.js';
import { type Search, type SearchResult, searchSettings } from '../../app/tune/tune.js';
import { trainingConfigSchema } from '../../model/config.js';
import { smallHistories, smallSpec } from '../model/fixtures.js';

const histories = smallHistories(24);
const space = searchSpaceSchema.parse({
  learningRate: { from: 1e-4, to: 0.1, scale: 'log' },
  hiddenSize: [4, 8],
});

describe('a search', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millwright-tune-'));
  });
  after(() => rm(directory, { recursive: true }));
  const request = (change: Partial<Search> = {}): Search => ({
    spec: smallSpec,
    histories,
    base: trainingConfigSchema.parse({
      hiddenSize: 6,
      batchSize: 8,
      steps: 30,
      validateEverySteps: 5,
      learningRate: 1e-3,
    }),
    space,
    method: 'tpe',
    trialsMax: 13,
    seedCount: 1,
    judgedShare: 0.25,
    prune: false,
    parallel: 1,
    seed: 1,
    signal: new AbortController().signal,
    ...change,
  });
  /** Without what depends on the clock. */
  const figures = ({ trials }: SearchResult) =>
    trials.map(({ number, settings, state, meanBrier }) => ({ number, settings, state, meanBrier }));
  const best = ({ trials }: SearchResult) =>
    Math.min(...trials.map(({ meanBrier }) => meanBrier ?? Infinity));

  it('finds better settings than it was given, and goes on from a journal as if it had not stopped', async () => {
    const whole = await searchSettings(request());
    assert.equal(whole.trials.length, 14);
    assert.ok(best(whole) < 0.9 * (whole.trials[0]?.meanBrier as number));
    const journal = join(directory, 'journal.jsonl');
    const abort = new AbortController();
    const broken = request({
      journal,
      signal: abort.signal,
      onProgress: ({ doneCount }) => {
        if (doneCount === 12) abort.abort(new Error('enough'));
      },
    });
    await assert.rejects(searchSettings(broken), /enough/);
    const numbers = new Set<number>();
    const resumed = await searchSettings(
      request({ journal, onProgress: ({ number }) => numbers.add(number) }),
    );
    assert.deepEqual(figures(resumed), figures(whole));
    assert.deepEqual([...numbers], [12, 13]);
    await assert.rejects(
      searchSettings(request({ journal, seedCount: 2 })),
      /other data or of other settings/,
    );
  });

  it('breaks off what is worse than half of the others, and never the settings that were given', async () => {
    const { trials } = await searchSettings(
      request({ method: 'random', trialsMax: 16, prune: true, parallel: 2 }),
    );
    const pruned = trials.filter(({ state }) => state === 'pruned');
    assert.ok(pruned.length > 0 && pruned.length < 12, String(pruned.length));
    assert.equal(trials[0]?.state, 'complete');
    for (const { meanBrier, curves } of pruned) {
      assert.equal(meanBrier, null);
      assert.ok((curves[0]?.points.length as number) < 6, 'not all validations');
    }
  });

  for (const method of methodNames)
    it(`by ${method} stays within the space and is the same again, with spread over seeds`, async () => {
      const small = request({ method, trialsMax: 4, seedCount: 2 });
      const [a, b] = [await searchSettings(small), await searchSettings({ ...small, parallel: 2 })];
      if (method !== 'tpe') assert.deepEqual(figures(a), figures(b));
      for (const { settings, seedSd } of a.trials) {
        assert.ok((seedSd as number) > 0);
        if (settings.hiddenSize !== undefined) assert.ok([4, 8].includes(settings.hiddenSize as number));
        const rate = settings.learningRate as number | undefined;
        if (rate !== undefined) assert.ok(rate >= 1e-4 && rate <= 0.1);
      }
    });
});
