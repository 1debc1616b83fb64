/** A comparison for people: a table on the terminal, or in Markdown for documents. */
import type { Interval } from '../../backtest/metrics/bootstrap.js';
import { formatCount } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';
import type { ComparedNetwork, ComparisonResult } from './compare.js';

const titles = [
  'cell',
  'task',
  'mean Brier',
  '95 % interval',
  '± seeds',
  'behind the best',
  'day 1',
  'day 7',
  'concordance',
  'parameters',
  'training',
  'batch 1',
  'a window of 256',
] as const;

const digits = (value: number | null, places: number) =>
  value === null || !Number.isFinite(value) ? '–' : value.toFixed(places).replace(/^(-?)0\./, '$1.');
const range = (interval: Interval | null) =>
  interval === null ? '–' : `${digits(interval.low, 4)} to ${digits(interval.high, 4)}`;

function cells(network: ComparedNetwork): readonly string[] {
  const { brierByDay, latency, processorMs, trainedMs } = network;
  return [
    network.cell.toUpperCase(),
    network.task,
    digits(network.meanBrier, 4),
    range(network.interval),
    digits(network.seedSd, 4),
    range(network.behindBest),
    digits(brierByDay[0] ?? null, 4),
    digits(brierByDay[6] ?? null, 4),
    digits(network.concordance, 3),
    formatCount(network.parameterCount),
    processorMs === null ? `${(trainedMs / 1000).toFixed(1)} s` : `${(processorMs / 1000).toFixed(1)} CPU-s`,
    `${latency.batch1Ms.toFixed(2)} ms`,
    `${((latency.batch256Ms / 256) * 1000).toFixed(0)} µs`,
  ];
}

export function formatComparison(result: ComparisonResult): string {
  const { marginal, networks, left } = result;
  return [
    `${result.protocol}.`,
    `Marginal hazard, which looks at no machine: ${digits(marginal.meanBrier, 4)} (${range(marginal.interval)}).`,
    '',
    formatTable(
      titles.map((title, index) => ({ title, align: index < 2 ? 'left' : 'right' })),
      networks.map(cells),
    ),
    '',
    'Behind the best: 95 % interval of the difference in mean Brier, on the same machines; one that contains 0 tells nothing.',
    ...left,
  ].join('\n');
}

export function comparisonMarkdown({ networks }: ComparisonResult): string {
  const line = (words: readonly string[]) => `| ${words.join(' | ')} |`;
  return [line(titles), line(titles.map((_, index) => (index < 2 ? '---' : '---:')))]
    .concat(networks.map((network) => line(cells(network))))
    .join('\n');
}
