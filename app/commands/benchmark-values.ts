/** `millwright benchmark values` and `health`: forecasts of sensors' values, and the index that needs no failures. */
import { Command } from 'commander';
import { benchmarkHealth } from '../benchmark/health.js';
import type { BenchmarkRequest } from '../benchmark/networks.js';
import { formatHealth, formatValues } from '../benchmark/value-text.js';
import { benchmarkValues } from '../benchmark/values.js';
import {
  type AzureData,
  azurePeriod,
  type CmapssData,
  withAzureData,
  withCmapssData,
} from './benchmark-data.js';
import { type RunOptions, runBenchmark, writeResult } from './benchmark-run.js';
import { wholeNumber } from './options.js';

interface Options extends RunOptions {
  readonly seeds: number;
}

export function valuesCommand(signal: AbortSignal): Command {
  const command = new Command('values').description(
    "forecasts of Azure PdM's four sensors, beside smoothing and naive forecasts",
  );
  return withCommonOptions(
    withAzureData(command).option(
      '--season <days>',
      'season of seasonal naive and of Holt and Winters',
      wholeNumber(1),
      7,
    ),
  )
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark values --dir DIR --train-until 2015-06-30 --test-from 2015-07-31 --test-to 2015-08-30 --json values.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action((options: Options & AzureData & { readonly season: number }) => {
      const period = azurePeriod(options);
      return run(options, signal, formatValues, (request) =>
        benchmarkValues({ ...request, period, seasonSteps: options.season }),
      );
    });
}

export function healthCommand(signal: AbortSignal): Command {
  const command = new Command('health').description(
    'the health index on turbofan engines, learned from their first cycles: no failure is seen',
  );
  return withCommonOptions(
    withCmapssData(command).option(
      '--cycles <count>',
      'cycles of every training engine to learn from',
      wholeNumber(1),
      60,
    ),
  )
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark health --dir data/cmapss --subset FD001 --cycles 60 --json health.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action((options: Options & CmapssData & { readonly cycles: number }) =>
      run(options, signal, formatHealth, (request) =>
        benchmarkHealth({ ...request, subset: options.subset, cycles: options.cycles }),
      ),
    );
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--seeds <count>', 'networks to train, from seeds 1, 2, ...', wholeNumber(1), 1)
    .option(
      '--training <file>',
      'training settings (YAML); default: the defaults, which were best on C-MAPSS',
    )
    .option('--json <file>', 'write the scores to this file as JSON');
}

async function run<Result extends { readonly dataset: string; readonly seconds: number }>(
  options: Options,
  signal: AbortSignal,
  format: (result: Result) => string,
  benchmark: (request: Omit<BenchmarkRequest, 'ensembleSize'>) => Promise<Result>,
): Promise<void> {
  const result = await runBenchmark(options, signal, (request) =>
    benchmark({ ...request, seedCount: options.seeds }),
  );
  await writeResult(result, options.json, () => format(result));
}
