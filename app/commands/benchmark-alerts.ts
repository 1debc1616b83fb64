/** `millwright benchmark azure-alerts` and `cmapss-alerts`: rules chosen on one part of public data, judged on another. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { Costs } from '../../backtest/alert-cost.js';
import type { AlertBounds } from '../../backtest/alert-score.js';
import { UserError } from '../../domain/errors.js';
import { backtestHtml } from '../backtest-html.js';
import type { AlertBenchmarkRequest, AlertBenchmarkResult } from '../benchmark/alert-benchmark.js';
import { alertBenchmarkNotes, formatAlertBenchmark } from '../benchmark/alert-benchmark-text.js';
import { benchmarkAzureAlerts } from '../benchmark/azure-alerts.js';
import { azureTrainingFile } from '../benchmark/azure-pdm.js';
import { cmapssTrainingFile } from '../benchmark/cmapss.js';
import { benchmarkCmapssAlerts } from '../benchmark/cmapss-alerts.js';
import {
  type AzureData,
  azurePeriod,
  type CmapssData,
  knownPlanOption,
  withAzureData,
  withCmapssData,
} from './benchmark-data.js';
import { type RunOptions, runBenchmark, writeResult } from './benchmark-run.js';
import { boundsOption, costsOption, day, wholeNumber } from './options.js';

interface Options extends RunOptions {
  readonly ensemble: number;
  readonly costs: Costs;
  readonly bounds: AlertBounds;
}

interface AzureOptions extends Options, AzureData {
  readonly chooseTrainUntil: number;
  readonly chooseFrom: number;
  readonly chooseTo: number;
  readonly knownPlan: boolean;
}

export function azureAlertsCommand(signal: AbortSignal): Command {
  const command = new Command('azure-alerts').description(
    "alerts on Microsoft's fleet: rules chosen on some days, judged on later ones, beside baselines",
  );
  return withCommonOptions(
    withAzureData(command)
      .requiredOption('--choose-train-until <day>', 'last day to train on before rules are chosen', day)
      .requiredOption('--choose-from <day>', 'first day at whose end a forecast counts for the choice', day)
      .requiredOption('--choose-to <day>', 'last such day', day)
      .addOption(knownPlanOption()),
    'those of data/azure-pdm/training.yaml',
  )
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
  const command = new Command('cmapss-alerts').description(
    "alerts on NASA's engines: rules chosen on training engines left out, judged on test engines",
  );
  return withCommonOptions(withCmapssData(command), 'those of data/cmapss/training.yaml')
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark cmapss-alerts --dir data/cmapss --subset FD001 --html fd001.html\n\nExit code: 0 judged, 2 wrong usage or data.',
    )
    .action((options: Options & CmapssData) =>
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
  { training, costs, ensemble, ...options }: Options,
  trainingFile: string,
  signal: AbortSignal,
  benchmark: (request: AlertBenchmarkRequest) => Promise<AlertBenchmarkResult>,
): Promise<void> {
  const ensembleSize = ensemble > 1 ? ensemble : 0;
  const result = await runBenchmark({ ...options, training: training ?? trainingFile }, signal, (request) =>
    benchmark({ ...request, seedCount: 1, ensembleSize, costs }),
  );
  const { report, tradeOff, alerting, stories } = result.test;
  if (options.html !== undefined)
    await writeFile(options.html, backtestHtml(result.test, result.dataset, alertBenchmarkNotes(result)));
  const json = { ...result, test: { ...report, tradeOff, alerting, stories } };
  await writeResult(json, options.json, () => formatAlertBenchmark(result));
}
