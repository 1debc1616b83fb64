import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Comparison, compareNetworks } from '../../app/compare/compare.js';
import { comparisonMarkdown, formatComparison } from '../../app/compare/compare-text.js';
import { trainingConfigSchema } from '../../model/config.js';
import { smallHistories, smallSpec } from '../model/fixtures.js';

const histories = smallHistories(24);

describe('a comparison', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millwright-compare-'));
  });
  after(() => rm(directory, { recursive: true }));
  const request = (change: Partial<Comparison> = {}): Comparison => ({
    spec: smallSpec,
    histories,
    cells: ['gru', 'rnn'],
    tasks: ['dense', 'many-to-one'],
    seedCount: 2,
    config: trainingConfigSchema.parse({
      hiddenSize: 6,
      batchSize: 8,
      steps: 20,
      validateEverySteps: 10,
      learningRate: 1e-2,
    }),
    judgedShare: 0.25,
    parallel: 2,
    signal: new AbortController().signal,
    ...change,
  });
  /** Without what depends on the clock. */
  const figures = ({ networks }: Awaited<ReturnType<typeof compareNetworks>>) =>
    networks.map(({ cell, task, meanBrier, interval, seedSd, behindBest, concordance }) => ({
      ...{ cell, task, meanBrier, interval, seedSd, behindBest, concordance },
    }));

  it('judges every cell with every task on the same machines, best first, and goes on from a journal', async () => {
    const whole = await compareNetworks(request());
    assert.equal(whole.networks.length, 4);
    assert.equal(whole.judgedMachineCount, 6);
    const briers = whole.networks.map(({ meanBrier }) => meanBrier);
    assert.deepEqual(
      briers,
      [...briers].sort((a, b) => a - b),
    );
    assert.equal(whole.networks[0]?.behindBest, null);
    for (const network of whole.networks) {
      const { interval, seeds } = network;
      assert.ok(interval && interval.low < network.meanBrier && network.meanBrier < interval.high);
      const ofSeeds = seeds.reduce((sum, each) => sum + (each.meanBrier as number), 0) / seeds.length;
      assert.ok(Math.abs(ofSeeds - network.meanBrier) < 1e-12, 'the mean over the seeds');
    }

    const journal = join(directory, 'journal.jsonl');
    const abort = new AbortController();
    let seen = 0;
    const broken = request({
      journal,
      parallel: 1,
      signal: abort.signal,
      onProgress: ({ doneCount }) => {
        seen = doneCount;
        if (doneCount === 3) abort.abort(new Error('enough'));
      },
    });
    await assert.rejects(compareNetworks(broken), /enough/);
    assert.equal(seen, 3);
    await appendFile(journal, '{"cell":"gru","cut off'); // a crash while a line was written
    const names: string[] = [];
    const resumed = await compareNetworks(request({ journal, onProgress: ({ name }) => names.push(name) }));
    assert.deepEqual(figures(resumed), figures(whole));
    assert.equal(new Set(names).size, 5, 'three of the eight trainings were not made again');
    assert.equal((await readFile(journal, 'utf8')).match(/"seed"/g)?.length, 8);

    await assert.rejects(
      compareNetworks(request({ journal, judgedShare: 0.5 })),
      /holds trials on other data or of other settings/,
    );
  });

  it('leaves out what the window does not allow, and says so', async () => {
    const result = await compareNetworks(
      request({
        spec: { ...smallSpec, windowSteps: 4 },
        cells: ['rnn'],
        tasks: ['dense', 'equal-length'],
        seedCount: 1,
      }),
    );
    assert.deepEqual(
      result.networks.map(({ task }) => task),
      ['dense'],
    );
    const text = formatComparison(result);
    assert.match(text, /a window of at least 5 steps \(the horizon\), got 4/);
    assert.match(text, /RNN {3}dense/);
    assert.match(comparisonMarkdown(result), /^\| cell \| task .*\n\| --- \| --- .*\n\| RNN \| dense \|/);
  });
});
