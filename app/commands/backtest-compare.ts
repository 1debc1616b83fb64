/** `millwright backtest compare`: two results of `backtest --json` side by side. */
import { Command } from 'commander';
import { compareResults, type ResultComparison } from '../../backtest/compare-results.js';
import { printResult } from '../terminal/print-result.js';
import { formatTable } from '../terminal/table.js';
import { jsonOption } from './options.js';
import { readResult } from './read-result.js';

export function compareResultsCommand(): Command {
  return new Command('compare')
    .description('set two results of `backtest --json` on the same forecasts side by side')
    .argument('<a>', 'JSON of one')
    .argument('<b>', 'JSON of the other')
    .addOption(jsonOption())
    .action(async (a: string, b: string, _options: unknown, command: Command) => {
      const compared = compareResults(await readResult(a), await readResult(b));
      // `backtest` has the option, too, and takes it wherever it stands.
      const { json } = command.optsWithGlobals<{ json: boolean }>();
      printResult({ json: compared, human: () => format(compared) }, json);
    });
}

function format({ a, b, machineCount, scores }: ResultComparison): string {
  const score = (value: number | null) => (value === null ? '–' : value.toFixed(4));
  const rows = scores.map(({ day, a: ofA, b: ofB, difference }) => [
    day === null ? 'mean of all days' : `day ${day}`,
    score(ofA),
    score(ofB),
    difference ? `${score(difference.low)} to ${score(difference.high)}` : '–',
    difference === null || (difference.low <= 0 && difference.high >= 0)
      ? 'cannot be told apart'
      : `${difference.high < 0 ? b : a} is better`,
  ]);
  return [
    formatTable(
      [
        { title: 'Brier score' },
        { title: a, align: 'right' },
        { title: b, align: 'right' },
        { title: 'difference, 95 %', align: 'right' },
        { title: '' },
      ],
      rows,
    ),
    `Of ${machineCount} machines, the same drawn again and again for both.`,
  ].join('\n');
}
