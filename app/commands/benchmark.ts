/** `millwright benchmark`: networks and baselines on public data, under the protocol that published figures use. */
import { Command } from 'commander';
import { azureTrainingFile, benchmarkAzurePdm } from '../benchmark/azure-pdm.js';
import { formatBenchmark } from '../benchmark/benchmark-text.js';
import { benchmarkCmapss, cmapssTrainingFile } from '../benchmark/cmapss.js';
import type { BenchmarkRequest } from '../benchmark/networks.js';
import type { BenchmarkResult } from '../benchmark/result.js';
import { azureAlertsCommand, cmapssAlertsCommand } from './benchmark-alerts.js';
import {
  type AzureData,
  azurePeriod,
  type CmapssData,
  knownPlanOption,
  withAzureData,
  withCmapssData,
} from './benchmark-data.js';
import { type RunOptions, runBenchmark, writeResult } from './benchmark-run.js';
import { healthCommand, valuesCommand } from './benchmark-values.js';
import { wholeNumber } from './options.js';

interface Options extends RunOptions {
  readonly seeds: number;
  readonly ensemble: number;
}

export function benchmarkCommand(signal: AbortSignal): Command {
  return new Command('benchmark')
    .description('train and score networks on public data, beside baselines')
    .addCommand(cmapssCommand(signal))
    .addCommand(azureCommand(signal))
    .addCommand(azureAlertsCommand(signal))
    .addCommand(cmapssAlertsCommand(signal))
    .addCommand(valuesCommand(signal))
    .addCommand(healthCommand(signal));
}

function cmapssCommand(signal: AbortSignal): Command {
  const command = new Command('cmapss').description(
    "NASA's turbofan engines: train on a subset's training file, score on its test file",
  );
  return withCommonOptions(withCmapssData(command), 'those of data/cmapss/training.yaml')
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark cmapss --dir data/cmapss --subset FD001 --seeds 3 --ensemble 3 --json fd001.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action((options: Options & CmapssData) =>
      run(options, cmapssTrainingFile, signal, (request) =>
        benchmarkCmapss({ ...request, subset: options.subset }),
      ),
    );
}

function azureCommand(signal: AbortSignal): Command {
  const command = new Command('azure-pdm').description(
    "Microsoft's predictive-maintenance fleet: train on its first months, score on later days",
  );
  return withCommonOptions(
    withAzureData(command).addOption(knownPlanOption()),
    'those of data/azure-pdm/training.yaml',
  )
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark azure-pdm --dir DIR --train-until 2015-06-30 --test-from 2015-07-31 --test-to 2015-08-30 --json azure.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action((options: Options & AzureData & { readonly knownPlan: boolean }) => {
      const period = azurePeriod(options);
      return run(options, azureTrainingFile, signal, (request) =>
        benchmarkAzurePdm({ ...request, period, plan: options.knownPlan ? 'known' : 'unknown' }),
      );
    });
}

function withCommonOptions(command: Command, trainingDefault: string): Command {
  return command
    .option('--seeds <count>', 'networks to train, from seeds 1, 2, ...', wholeNumber(1), 3)
    .option('--ensemble <size>', 'also score the mean of this many networks; 0: none', wholeNumber(0), 0)
    .option('--training <file>', `training settings (YAML); default: ${trainingDefault}`)
    .option('--models <folder>', 'keep the trained networks here; default: they are thrown away')
    .option('--json <file>', 'write the scores to this file as JSON');
}

async function run(
  { training, seeds, ensemble, ...options }: Options,
  trainingFile: string,
  signal: AbortSignal,
  benchmark: (request: BenchmarkRequest) => Promise<BenchmarkResult>,
): Promise<void> {
  const result = await runBenchmark({ ...options, training: training ?? trainingFile }, signal, (request) =>
    benchmark({ ...request, seedCount: seeds, ensembleSize: ensemble }),
  );
  await writeResult(result, options.json, () => formatBenchmark(result));
}
