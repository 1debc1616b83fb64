/** A cross-validation for people. */
import { formatCount, formatNumber, formatSpan } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';
import type { CrossValidated } from './folds.js';

const score = (value: number | null) => formatNumber(value ?? Number.NaN);

export function formatFolds(result: CrossValidated): string {
  const { folds, repeats, interval } = result;
  const table = formatTable(
    [
      { title: 'repeat', align: 'right' },
      { title: 'fold', align: 'right' },
      { title: 'machines', align: 'right' },
      { title: 'mean Brier', align: 'right' },
      { title: 'marginal', align: 'right' },
      { title: 'concordance', align: 'right' },
      { title: 'training', align: 'right' },
    ],
    folds.map((fold) => [
      String(fold.repeat),
      String(fold.fold),
      formatCount(fold.machineCount),
      score(fold.meanBrier),
      score(fold.marginalMeanBrier),
      score(fold.concordance),
      formatSpan(fold.trainedMs),
    ]),
  );
  const range =
    interval === null ? '' : ` (95 % over machines: ${score(interval.low)} to ${score(interval.high)})`;
  return [
    table,
    '',
    `Every machine judged by a network that has not seen it: mean Brier ${score(result.meanBrier)}${range}, marginal hazard ${score(result.marginalMeanBrier)}.`,
    `Standard deviation over the folds ${score(result.foldSd)}${repeats.length > 1 ? `; repetitions one by one ${repeats.map(score).join(', ')}` : ''}.`,
    'No network was taken into use: train without --folds for one that learns from all these machines but those it stops by.',
  ].join('\n');
}
