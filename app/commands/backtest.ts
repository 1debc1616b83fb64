/** `millwright backtest`: history through the live stages, judged by what happened. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { alertBoundsSchema } from '../../backtest/alert-score.js';
import { formatReport } from '../../backtest/report-text.js';
import type { Selection } from '../../backtest/rows.js';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { type BacktestSource, runBacktest } from '../backtest.js';
import { type Deployment, loadDeployment } from '../config.js';
import { buildHistories } from '../history.js';
import { silentLogger } from '../logger.js';
import { openPredictors, requirePredictor } from '../predictors.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { chooseType } from '../training.js';
import { configOption, jsonOption, keepMachines, openDatasetFile } from './options.js';

interface BacktestOptions {
  readonly config: string;
  readonly data?: string;
  readonly machines?: string;
  readonly baselineData: string;
  readonly baselineMachines?: string;
  readonly type?: string;
  readonly origins: Selection;
  readonly json: boolean;
}

export function backtestCommand(signal: AbortSignal): Command {
  return new Command('backtest')
    .description('run history through the live stages and judge forecasts and alerts by what happened')
    .addOption(configOption())
    .option(
      '--data <file>',
      'data-set file (YAML) to be judged on; default: what the log of the deployment has kept',
    )
    .option('--machines <ids>', 'only these machines of it')
    .requiredOption(
      '--baseline-data <file>',
      'data-set file that the baselines are fitted on: what the network was trained on',
    )
    .option('--baseline-machines <ids>', 'only these machines of it')
    .option('--type <name>', 'machine type, where there are several')
    .addOption(
      new Option('--origins <which>', 'last: the last known day of each machine; all: every day')
        .choices(['last', 'all'])
        .default('last'),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  millwright backtest -c examples/cmapss/millwright.yaml --data examples/cmapss/test.yaml --baseline-data examples/cmapss/train.yaml\n  millwright backtest --baseline-data history.yaml --origins all\n\nExit code: 0 judged, 2 wrong usage, data or configuration.',
    )
    .action(async (options: BacktestOptions) => {
      const startedMs = wallClock.nowMs();
      const deployment = loadDeployment(options.config);
      const type = chooseType(deployment.types, options.type);
      const predictors = await openPredictors(deployment, silentLogger);
      try {
        const predictor = requirePredictor(predictors.byType, type.name);
        const fitOn = keepMachines(await openDatasetFile(options.baselineData), options.baselineMachines);
        const training = (await buildHistories(deployment, fitOn, signal)).get(type.name) ?? [];
        const { name, source, close } = await openSource(options, deployment);
        const bar = new ProgressBar('replay', makeTerminal(process.stderr), wallClock);
        const { report } = await runBacktest({
          deployment,
          type,
          predictor,
          source,
          training,
          selection: options.origins,
          bounds: alertBoundsSchema.parse({}),
          signal,
          onProgress: (progress) => {
            if (progress.phase === 'stage')
              bar.update(progress.doneCount, progress.totalCount, progress.stage);
          },
        });
        await close();
        const seconds = (wallClock.nowMs() - startedMs) / 1000;
        bar.end(`${name} in ${formatSpan(seconds * 1000)}`);
        printResult(
          { json: { dataset: name, ...report, seconds }, human: () => formatReport(report) },
          options.json,
        );
      } finally {
        await predictors.close();
      }
    });
}

async function openSource(
  options: BacktestOptions,
  { config }: Deployment,
): Promise<{ readonly name: string; readonly source: BacktestSource; close(): Promise<void> }> {
  if (options.data !== undefined) {
    const dataset = keepMachines(await openDatasetFile(options.data), options.machines);
    return { name: dataset.name, source: { kind: 'dataset', dataset }, close: async () => {} };
  }
  if (options.machines !== undefined)
    throw new UserError('--machines chooses from a data set: give --data too');
  const log = await openEmbeddedLog({ dir: join(config.dataDir, 'log'), mode: 'read-only' });
  return { name: `the log of ${config.plant.name}`, source: { kind: 'log', log }, close: () => log.close() };
}
