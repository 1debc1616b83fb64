/** A benchmark's result as tables for people. */
import { formatCount, formatSpan } from '../terminal/format.js';
import { type Column, formatTable } from '../terminal/table.js';
import type { BenchmarkResult, BenchmarkTable } from './result.js';
import { type BenchmarkScores, lifeCapDays } from './scores.js';

const numeric = (title: string): Column => ({ title, align: 'right' });
const columns: readonly Column[] = [
  { title: '' },
  numeric('mean Brier'),
  numeric('concordance'),
  numeric('day 1'),
  numeric('day 7'),
  numeric('day 14'),
  numeric('day 30'),
  numeric('ECE 7'),
  numeric('ECE 30'),
  numeric(`RMSE ≤${lifeCapDays}`),
  numeric('RMSE'),
  numeric(`NASA ≤${lifeCapDays}`),
];

export function formatBenchmark(result: BenchmarkResult): string {
  return [
    `${result.dataset}: ${result.protocol}.`,
    '',
    ...(result.allOrigins
      ? [
          `Last cycle, ${formatCount(result.rows)} engines`,
          formatScores(result),
          '',
          `Every cycle, ${formatCount(result.allOrigins.rows)} forecasts`,
          formatScores(result.allOrigins),
        ]
      : [`${formatCount(result.rows)} forecasts`, formatScores(result)]),
    '',
    'Brier score of the failure curve (0 is perfect), time-dependent concordance, expected calibration error; root mean',
    `squared error of the remaining life in days, with labels cut at ${lifeCapDays} and as they are; NASA's score, summed.`,
    `Took ${formatSpan(result.seconds * 1000)}.`,
  ].join('\n');
}

function formatScores({ model, seeds, ensemble, baselines }: BenchmarkTable): string {
  return formatTable(columns, [
    row(seeds.length === 1 ? 'network' : `network, mean of ${seeds.length}`, model),
    ...(seeds.length === 1 ? [] : seeds.map((scores, index) => row(`  seed ${index + 1}`, scores))),
    ...(ensemble === null ? [] : [row('ensemble', ensemble)]),
    ...Object.entries(baselines).map(([name, scores]) => row(name, scores)),
  ]);
}

function row(name: string, { meanBrier, cTd, brier, ece, rul }: BenchmarkScores): string[] {
  const share = (value: number | null) => fixed(value, 4);
  return [
    name,
    share(meanBrier),
    share(cTd),
    share(brier[1]),
    share(brier[7]),
    share(brier[14]),
    share(brier[30]),
    share(ece[7]),
    share(ece[30]),
    fixed(rul.rmseCapped, 2),
    fixed(rul.rmseRaw, 2),
    rul.nasaCapped === null ? '–' : formatCount(rul.nasaCapped),
  ];
}

const fixed = (value: number | null, digits: number) => (value === null ? '–' : value.toFixed(digits));
