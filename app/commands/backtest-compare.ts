/** `millwright backtest compare`: two results of `backtest --json` side by side. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import {
  type BacktestResult,
  compareResults,
  type ResultComparison,
  resultSchema,
} from '../../backtest/compare-results.js';
import { UserError } from '../../domain/errors.js';
import { printResult } from '../terminal/print-result.js';
import { formatTable } from '../terminal/table.js';
import { jsonOption } from './options.js';

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

async function readResult(file: string): Promise<BacktestResult> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file} cannot be read as JSON: ${(error as Error).message}`);
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UserError(
    `${file} is no result of \`millwright backtest --json\`: ${parsed.error.issues[0]?.message}`,
  );
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
