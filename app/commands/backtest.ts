/** `millwright backtest`: history through the live stages, judged by what happened. */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import type { Costs } from '../../backtest/alert-cost.js';
import type { AlertBounds } from '../../backtest/alert-score.js';
import type { Selection } from '../../backtest/rows.js';
import { wallClock } from '../../domain/clock.js';
import { readArtifact } from '../../model/artifact.js';
import { runBacktest } from '../backtest.js';
import { backtestHtml } from '../backtest-html.js';
import { formatBacktest } from '../backtest-text.js';
import { loadDeployment } from '../config.js';
import { datasetNotes } from '../dataset-notes.js';
import { describeLeakage, findLeakage } from '../leakage.js';
import { modelInUse } from '../model-folder.js';
import { describeRefused } from '../refused.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { compareResultsCommand } from './backtest-compare.js';
import { type DataOptions, openSource, readFitOn, showReplay, withDataOptions } from './backtest-data.js';
import { probeCommand } from './backtest-probe.js';
import { walkCommand } from './backtest-walk.js';
import { withNetworkInUse } from './network-in-use.js';
import { boundsOption, configOption, costsOption, jsonOption } from './options.js';
import { tellNotes } from './read-histories.js';

interface BacktestOptions extends DataOptions {
  readonly config: string;
  readonly origins: Selection;
  readonly costs: Costs;
  readonly bounds: AlertBounds;
  readonly html?: string;
  readonly json: boolean;
}

export function backtestCommand(signal: AbortSignal): Command {
  const command = new Command('backtest')
    .addCommand(compareResultsCommand())
    .addCommand(probeCommand(signal))
    .addCommand(walkCommand(signal))
    .description('run history through the live stages and judge forecasts and alerts by what happened')
    .addOption(configOption());
  return withDataOptions(command)
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
      await withNetworkInUse(deployment, options.type, async (predictor, type) => {
        const terminal = makeTerminal(process.stderr);
        const { name, source, close } = await openSource(options, deployment);
        const training = await readFitOn(options, source, { deployment, type, terminal }, signal);
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
          onProgress: showReplay(bar, source),
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
                formatBacktest(outcome),
                ...(options.html === undefined ? [] : [`With pictures: ${options.html}`]),
              ].join('\n'),
          },
          options.json,
        );
      });
    });
}
