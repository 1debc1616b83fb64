/** `millwright benchmark`: networks and baselines on public data, under the protocol that published figures use. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { type CmapssSubset, cmapssSubsets } from '../../infra/files/cmapss.js';
import { type TrainingConfig, trainingConfigSchema } from '../../model/config.js';
import { azureTrainingFile, benchmarkAzurePdm } from '../benchmark/azure-pdm.js';
import { formatBenchmark } from '../benchmark/benchmark-text.js';
import { benchmarkCmapss, cmapssTrainingFile } from '../benchmark/cmapss.js';
import type { BenchmarkRequest } from '../benchmark/networks.js';
import { showProgress } from '../benchmark/progress.js';
import type { BenchmarkResult } from '../benchmark/result.js';
import { loadYaml } from '../config-file.js';
import { formatNumber, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { azureAlertsCommand, cmapssAlertsCommand } from './benchmark-alerts.js';
import { healthCommand, valuesCommand } from './benchmark-values.js';
import { azurePeriod, checkWritable, day, wholeNumber } from './options.js';

interface BenchmarkOptions {
  readonly dir: string;
  readonly seeds: number;
  readonly ensemble: number;
  readonly training?: string;
  readonly models?: string;
  readonly json?: string;
}

interface CmapssOptions extends BenchmarkOptions {
  readonly subset: CmapssSubset;
}

interface AzureOptions extends BenchmarkOptions {
  readonly trainUntil: number;
  readonly testFrom: number;
  readonly testTo: number;
  readonly knownPlan: boolean;
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
  const command = new Command('cmapss')
    .description("NASA's turbofan engines: train on a subset's training file, score on its test file")
    .requiredOption('--dir <folder>', 'folder of the NASA text files, plain or .gz')
    .addOption(
      new Option('--subset <name>', 'which of the four sets').choices(cmapssSubsets).default('FD001'),
    );
  return withCommonOptions(command, 'those of data/cmapss/training.yaml')
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark cmapss --dir data/cmapss --subset FD001 --seeds 3 --ensemble 3 --json fd001.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action((options: CmapssOptions) =>
      runBenchmark(options, loadYaml(cmapssTrainingFile, trainingConfigSchema), signal, (request) =>
        benchmarkCmapss({ ...request, subset: options.subset }),
      ),
    );
}

function azureCommand(signal: AbortSignal): Command {
  const command = new Command('azure-pdm')
    .description("Microsoft's predictive-maintenance fleet: train on its first months, score on later days")
    .requiredOption('--dir <folder>', 'folder of telemetry_daily.csv and the PdM_*.csv files, plain or .gz')
    .requiredOption('--train-until <day>', 'last day to train on, such as 2015-06-30', day)
    .requiredOption('--test-from <day>', 'first day at whose end a forecast is scored', day)
    .requiredOption('--test-to <day>', 'last day at whose end a forecast is scored', day)
    .option('--known-plan', 'the network knows the visits to come: the past cadence carried on', false);
  return withCommonOptions(command, 'those of data/azure-pdm/training.yaml')
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark azure-pdm --dir DIR --train-until 2015-06-30 --test-from 2015-07-31 --test-to 2015-08-30 --json azure.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action((options: AzureOptions) => {
      const period = azurePeriod(options);
      return runBenchmark(options, loadYaml(azureTrainingFile, trainingConfigSchema), signal, (request) =>
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

async function runBenchmark(
  options: BenchmarkOptions,
  defaultConfig: TrainingConfig,
  signal: AbortSignal,
  benchmark: (request: BenchmarkRequest) => Promise<BenchmarkResult>,
): Promise<void> {
  const config =
    options.training === undefined ? defaultConfig : loadYaml(options.training, trainingConfigSchema);
  // Tried before the work: a path that cannot be written should not cost minutes.
  if (options.json !== undefined) await checkWritable(options.json);
  const bar = new ProgressBar('benchmark', makeTerminal(process.stderr), wallClock);
  const modelDir = options.models ?? (await mkdtemp(join(tmpdir(), 'millwright-benchmark-')));
  try {
    const result = await benchmark({
      dir: options.dir,
      seedCount: options.seeds,
      ensembleSize: options.ensemble,
      config,
      modelDir,
      signal,
      onProgress: (progress) => showProgress(bar, progress),
    });
    bar.end(
      `${result.dataset}: mean Brier ${formatNumber(result.model.meanBrier ?? Number.NaN)} in ${formatSpan(result.seconds * 1000)}`,
    );
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
    printResult({ json: result, human: () => formatBenchmark(result) }, false);
  } finally {
    if (options.models === undefined) await rm(modelDir, { recursive: true, force: true });
  }
}
