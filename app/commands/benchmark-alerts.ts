/** `millwright benchmark azure-alerts` and `cmapss-alerts`: rules chosen on one part of public data, judged on another. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { Costs } from '../../backtest/alert-cost.js';
import type { AlertBounds } from '../../backtest/alert-score.js';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { type CmapssSubset, cmapssSubsets } from '../../infra/files/cmapss.js';
import { type TrainingConfig, trainingConfigSchema } from '../../model/config.js';
import { backtestHtml } from '../backtest-html.js';
import type { AlertBenchmarkRequest, AlertBenchmarkResult } from '../benchmark/alert-benchmark.js';
import { alertBenchmarkNotes, formatAlertBenchmark } from '../benchmark/alert-benchmark-text.js';
import { benchmarkAzureAlerts } from '../benchmark/azure-alerts.js';
import { azureTrainingFile } from '../benchmark/azure-pdm.js';
import { cmapssTrainingFile } from '../benchmark/cmapss.js';
import { benchmarkCmapssAlerts } from '../benchmark/cmapss-alerts.js';
import { showProgress } from '../benchmark/progress.js';
import { loadYaml } from '../config-file.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { azurePeriod, boundsOption, checkWritable, costsOption, day, wholeNumber } from './options.js';

interface Options {
  readonly dir: string;
  readonly ensemble: number;
  readonly training?: string;
  readonly costs: Costs;
  readonly bounds: AlertBounds;
  readonly json?: string;
  readonly html?: string;
}

interface AzureOptions extends Options {
  readonly chooseTrainUntil: number;
  readonly chooseFrom: number;
  readonly chooseTo: number;
  readonly trainUntil: number;
  readonly testFrom: number;
  readonly testTo: number;
  readonly knownPlan: boolean;
}

export function azureAlertsCommand(signal: AbortSignal): Command {
  const command = new Command('azure-alerts')
    .description(
      "alerts on Microsoft's fleet: rules chosen on some days, judged on later ones, beside baselines",
    )
    .requiredOption('--dir <folder>', 'folder of telemetry_daily.csv and the PdM_*.csv files, plain or .gz')
    .requiredOption('--choose-train-until <day>', 'last day to train on before rules are chosen', day)
    .requiredOption('--choose-from <day>', 'first day at whose end a forecast counts for the choice', day)
    .requiredOption('--choose-to <day>', 'last such day', day)
    .requiredOption('--train-until <day>', 'last day to train on for the test, such as 2015-06-30', day)
    .requiredOption('--test-from <day>', 'first day at whose end forecasts and alerts are judged', day)
    .requiredOption('--test-to <day>', 'last such day', day)
    .option('--known-plan', 'the network knows the visits to come: the past cadence carried on', false);
  return withCommonOptions(command, 'those of data/azure-pdm/training.yaml')
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark azure-alerts --dir DIR --choose-train-until 2015-05-01 --choose-from 2015-06-01 --choose-to 2015-06-30 --train-until 2015-06-30 --test-from 2015-07-31 --test-to 2015-08-30 --html azure.html\n\nExit code: 0 judged, 2 wrong usage or data.',
    )
    .action((options: AzureOptions) => {
      const choice = azurePeriod(
        {
          trainUntil: options.chooseTrainUntil,
          testFrom: options.chooseFrom,
          testTo: options.chooseTo,
        },
        ['--choose-train-until', '--choose-from', '--choose-to'],
      );
      const test = azurePeriod(options);
      if (choice.testToMs >= test.testFromMs)
        throw new UserError('rules must be chosen on days before the test: --choose-to before --test-from');
      return run(options, azureTrainingFile, signal, (request) =>
        benchmarkAzureAlerts({
          ...request,
          choice,
          test,
          bounds: options.bounds,
          plan: options.knownPlan ? 'known' : 'unknown',
        }),
      );
    });
}

export function cmapssAlertsCommand(signal: AbortSignal): Command {
  const command = new Command('cmapss-alerts')
    .description(
      "alerts on NASA's engines: rules chosen on training engines left out, judged on test engines",
    )
    .requiredOption('--dir <folder>', 'folder of the NASA text files, plain or .gz')
    .addOption(
      new Option('--subset <name>', 'which of the four sets').choices(cmapssSubsets).default('FD001'),
    );
  return withCommonOptions(command, 'those of data/cmapss/training.yaml')
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark cmapss-alerts --dir data/cmapss --subset FD001 --html fd001.html\n\nExit code: 0 judged, 2 wrong usage or data.',
    )
    .action((options: Options & { readonly subset: CmapssSubset }) =>
      run(options, cmapssTrainingFile, signal, (request) =>
        benchmarkCmapssAlerts({ ...request, subset: options.subset, bounds: options.bounds }),
      ),
    );
}

function withCommonOptions(command: Command, trainingDefault: string): Command {
  return command
    .option('--ensemble <size>', 'judge the mean of this many networks', wholeNumber(1), 1)
    .option('--training <file>', `training settings (YAML); default: ${trainingDefault}`)
    .addOption(costsOption())
    .addOption(boundsOption())
    .option('--html <file>', 'write the report with pictures: one file that needs nothing else')
    .option('--json <file>', 'write all figures to this file as JSON');
}

async function run(
  options: Options,
  trainingFile: string,
  signal: AbortSignal,
  benchmark: (request: AlertBenchmarkRequest) => Promise<AlertBenchmarkResult>,
): Promise<void> {
  const config: TrainingConfig = loadYaml(options.training ?? trainingFile, trainingConfigSchema);
  for (const file of [options.json, options.html]) if (file !== undefined) await checkWritable(file);
  const bar = new ProgressBar('benchmark', makeTerminal(process.stderr), wallClock);
  const modelDir = await mkdtemp(join(tmpdir(), 'millwright-benchmark-'));
  try {
    const result = await benchmark({
      dir: options.dir,
      seedCount: 1,
      ensembleSize: options.ensemble > 1 ? options.ensemble : 0,
      config,
      modelDir,
      costs: options.costs,
      signal,
      onProgress: (progress) => showProgress(bar, progress),
    });
    bar.end(`${result.dataset} in ${formatSpan(result.seconds * 1000)}`);
    const { report, tradeOff, alerting, stories } = result.test;
    const json = { ...result, test: { ...report, tradeOff, alerting, stories } };
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(json, null, 2)}\n`);
    if (options.html !== undefined)
      await writeFile(options.html, backtestHtml(result.test, result.dataset, alertBenchmarkNotes(result)));
    printResult({ json, human: () => formatAlertBenchmark(result) }, false);
  } finally {
    await rm(modelDir, { recursive: true, force: true });
  }
}
