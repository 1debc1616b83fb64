import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crossValidate } from '../../app/trials/folds.js';
import { formatFolds } from '../../app/trials/folds-text.js';
import { trainingConfigSchema } from '../../model/config.js';
import { smallHistories, smallSpec } from '../model/fixtures.js';

test('cross-validation judges every machine once a repetition, by networks that beat the marginal hazard', async () => {
  const histories = smallHistories(24);
  const runs: number[] = [];
  const result = await crossValidate({
    spec: smallSpec,
    histories,
    config: trainingConfigSchema.parse({
      hiddenSize: 8,
      batchSize: 16,
      steps: 80,
      validateEverySteps: 20,
      learningRate: 2e-2,
    }),
    seed: 5,
    foldCount: 3,
    repeatCount: 2,
    signal: new AbortController().signal,
    onProgress: ({ run }) => runs.push(run),
  });
  assert.deepEqual([...new Set(runs)], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(
    result.folds.map(({ machineCount }) => machineCount),
    [8, 8, 8, 8, 8, 8],
  );
  const { meanBrier, marginalMeanBrier, interval, repeats } = result;
  assert.ok(
    (meanBrier as number) < 0.8 * (marginalMeanBrier as number),
    `${meanBrier}, ${marginalMeanBrier}`,
  );
  assert.ok(interval && interval.low < (meanBrier as number) && (meanBrier as number) < interval.high);
  assert.ok(repeats[0] !== repeats[1]);
  assert.match(
    formatFolds(result),
    /Every machine judged by a network that has not seen it: mean Brier 0\.\d+ \(95 %/,
  );
});
