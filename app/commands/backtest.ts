/** `millwright backtest`: history through the live stages, judged by what happened. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Costs } from '../../backtest/alert-cost.js';
import { formatStories, formatTradeOff } from '../../backtest/alert-cost-text.js';
import type { AlertBounds } from '../../backtest/alert-score.js';
import { formatAlerting } from '../../backtest/forecaster-alerts-text.js';
import { formatReport } from '../../backtest/report-text.js';
import type { Selection } from '../../backtest/rows.js';
import { wallClock } from '../../domain/clock.js';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import { readArtifact } from '../../model/artifact.js';
import { type BacktestSource, runBacktest } from '../backtest.js';
import { backtestHtml } from '../backtest-html.js';
import { type Deployment, loadDeployment } from '../config.js';
import { datasetNotes } from '../dataset-notes.js';
import { describeLeakage, findLeakage } from '../leakage.js';
import { silentLogger } from '../logger.js';
import { modelInUse } from '../model-folder.js';
import { openLog } from '../open-log.js';
import { openPredictors, requirePredictor } from '../predictors.js';
import { describeRefused } from '../refused.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { chooseType } from '../training.js';
import { compareResultsCommand } from './backtest-compare.js';
import {
  boundsOption,
  configOption,
  costsOption,
  jsonOption,
  keepMachines,
  openDatasetFile,
} from './options.js';
import { readHistoriesOf, tellNotes } from './read-histories.js';

interface BacktestOptions {
  readonly config: string;
  readonly data?: string;
  readonly machines?: string;
  readonly baselineData?: string;
  readonly baselineMachines?: string;
  readonly type?: string;
  readonly origins: Selection;
  readonly costs: Costs;
  readonly bounds: AlertBounds;
  readonly html?: string;
  readonly json: boolean;
}

export function backtestCommand(signal: AbortSignal): Command {
  return new Command('backtest')
    .addCommand(compareResultsCommand())
    .description('run history through the live stages and judge forecasts and alerts by what happened')
    .addOption(configOption())
    .option(
      '--data <file>',
      'data-set file (YAML) to be judged on; default: what the log of the deployment has kept',
    )
    .option('--machines <ids>', 'only these machines of it')
    .option(
      '--baseline-data <file>',
      'data-set file that the baselines are fitted on: what the network was trained on; default: that of --data',
    )
    .option('--baseline-machines <ids>', 'only these machines of it')
    .option('--type <name>', 'machine type, where there are several')
    .addOption(
      new Option('--origins <which>', 'last: the last known day of each machine; all: every day')
        .choices(['last', 'all'])
        .default('last'),
    )
    .addOption(costsOption())
    .addOption(boundsOption())
    .option('--html <file>', 'write the report with pictures: one file that needs nothing else')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright backtest --data history.yaml --machines "press-03*" --baseline-machines "press-00*,press-01*,press-02*" --origins all
  millwright backtest -c examples/cmapss/millwright.yaml --data examples/cmapss/test.yaml --baseline-data examples/cmapss/train.yaml
  millwright backtest --baseline-data history.yaml --origins all

Judge on machines (or a time) that the network was not trained on, or the scores are worth nothing: a note tells when they were.
Where records end without a failure, nothing is known after the last day: use --origins all there.

Exit code: 0 judged, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: BacktestOptions) => {
      const startedMs = wallClock.nowMs();
      const deployment = loadDeployment(options.config);
      const type = chooseType(deployment.types, options.type);
      const predictors = await openPredictors(deployment, silentLogger);
      try {
        const predictor = requirePredictor(predictors.byType, type.name);
        const terminal = makeTerminal(process.stderr);
        const { name, source, close } = await openSource(options, deployment);
        const fitOn = await openFitOn(options, source);
        const training = (await readHistoriesOf(fitOn, deployment, terminal, signal)).get(type.name) ?? [];
        if (source.kind === 'dataset')
          tellNotes(terminal, datasetNotes(source.dataset, deployment.directory));
        const bar = new ProgressBar('replay', terminal, wallClock);
        let notes: readonly string[] = [];
        const outcome = await runBacktest({
          deployment,
          type,
          predictor,
          source,
          training,
          selection: options.origins,
          bounds: options.bounds,
          costs: options.costs,
          signal,
          onProgress: (progress) => {
            if (progress.phase === 'stage')
              bar.update(progress.doneCount, progress.totalCount, progress.stage);
          },
          onRefused: (refused) => {
            notes = refused.map(describeRefused);
          },
        });
        const { report, replayed, tradeOff, alerting, stories } = outcome;
        await close();
        const seconds = (wallClock.nowMs() - startedMs) / 1000;
        bar.end(`${name} in ${formatSpan(seconds * 1000)}`);
        const { metrics } = await readArtifact(await modelInUse(deployment.config.model.dir, type.name));
        const leakage = findLeakage(metrics.seen, replayed.forecasts);
        const allNotes = [...notes, ...describeLeakage(predictor.version, leakage)];
        tellNotes(terminal, allNotes);
        if (options.html !== undefined) await writeFile(options.html, backtestHtml(outcome, name, allNotes));
        printResult(
          {
            json: {
              dataset: name,
              ...report,
              tradeOff,
              alerting,
              stories,
              leakage: leakage ?? null,
              seconds,
            },
            human: () =>
              [
                formatReport(report),
                '',
                ...formatTradeOff(tradeOff),
                '',
                ...formatAlerting(alerting),
                '',
                ...formatStories(stories),
                ...(options.html === undefined ? [] : [`With pictures: ${options.html}`]),
              ].join('\n'),
          },
          options.json,
        );
      } finally {
        await predictors.close();
      }
    });
}

/** What the baselines are fitted on; never what is judged, as far as names can tell. */
async function openFitOn(options: BacktestOptions, source: BacktestSource): Promise<Dataset> {
  const file = options.baselineData ?? options.data;
  if (file === undefined)
    throw new UserError(
      'say what the baselines are fitted on: --baseline-data with the data set that the network was trained on',
    );
  const fitOn = keepMachines(await openDatasetFile(file), options.baselineMachines);
  if (source.kind === 'dataset' && resolve(file) === resolve(options.data ?? '')) {
    const judged = new Set(source.dataset.machines.map(({ machine }) => machine));
    const both = fitOn.machines.filter(({ machine }) => judged.has(machine));
    if (both.length > 0)
      throw new UserError(
        `${both[0]?.machine}${both.length > 1 ? ` and ${both.length - 1} others` : ''} would be judged and fitted on, which flatters the baselines: choose machines with --machines and others with --baseline-machines`,
      );
  }
  return fitOn;
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
  const log = await openLog(config, 'read-only');
  return { name: `the log of ${config.plant.name}`, source: { kind: 'log', log }, close: () => log.close() };
}
