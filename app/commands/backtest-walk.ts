/** `millwright backtest walk`: networks trained as time goes on, judged on what came next. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Costs } from '../../backtest/alert-cost.js';
import type { AlertBounds } from '../../backtest/alert-score.js';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { trainingConfigSchema } from '../../model/config.js';
import { backtestHtml } from '../backtest-html.js';
import { formatBacktest } from '../backtest-text.js';
import { loadDeployment } from '../config.js';
import { loadYaml } from '../config-file.js';
import { datasetNotes } from '../dataset-notes.js';
import { describeRefused } from '../refused.js';
import { formatCounted, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { chooseType } from '../training.js';
import { walkProtocolSchema } from '../walk/protocol.js';
import { type WalkOutcome, walkForward } from '../walk/walk.js';
import { formatFolds, formatSeeds, walkSection } from '../walk/walk-text.js';
import { type DataOptions, openSource, showReplay } from './backtest-data.js';
import { boundsOption, configOption, costsOption, jsonOption, wholeNumber } from './options.js';
import { tellNotes } from './read-histories.js';

interface WalkOptions extends DataOptions {
  readonly config: string;
  readonly protocol: string;
  readonly keep?: string;
  readonly parallel: number;
  readonly costs: Costs;
  readonly bounds: AlertBounds;
  readonly html?: string;
  readonly json: boolean;
}

export function walkCommand(signal: AbortSignal): Command {
  return new Command('walk')
    .description(
      'train networks as time goes on, each on what was known by then, and judge what they forecast next',
    )
    .requiredOption('--protocol <file>', 'what is trained on and judged, and when (YAML)')
    .addOption(configOption())
    .option('--data <file>', "data-set file (YAML) instead of the protocol's")
    .option('--type <name>', 'machine type, where there are several')
    .option(
      '--keep <folder>',
      'where finished folds are kept; default: walks, in the data folder of the deployment',
    )
    .option(
      '--parallel <count>',
      'trainings at a time, each in a process of its own',
      wholeNumber(1),
      availableParallelism(),
    )
    .addOption(costsOption())
    .addOption(boundsOption())
    .option('--html <file>', 'write the report with pictures: one file that needs nothing else')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
A protocol is a file such as:
  data: history.yaml
  from: 2025-07-01
  to: 2025-12-31
  refitEverySteps: 30

Examples:
  millwright backtest walk --protocol walk.yaml --html walk.html
  millwright config schema walk > walk.schema.json    (every option; docs/guide/configuration.md explains them)

After Ctrl-C or a crash the same command goes on with the folds that are not finished.

Exit code: 0 judged, 2 wrong usage, data, protocol or configuration.`,
    )
    .action(async (_options: unknown, own: Command) => {
      // `backtest` has some of the same options, and takes them wherever they stand.
      await walk(own.optsWithGlobals<WalkOptions>(), signal);
    });
}

async function walk(options: WalkOptions, signal: AbortSignal): Promise<void> {
  if ((options.machines ?? options.baselineData ?? options.baselineMachines) !== undefined)
    throw new UserError(
      `which machines are trained on and judged stands in ${options.protocol}: write trainMachines and judgeMachines there`,
    );
  const startedMs = wallClock.nowMs();
  const deployment = loadDeployment(options.config);
  const type = chooseType(deployment.types, options.type);
  const protocol = loadYaml(options.protocol, walkProtocolSchema);
  const beside = (file: string) => resolve(dirname(options.protocol), file);
  const config =
    protocol.training === undefined
      ? trainingConfigSchema.parse({})
      : loadYaml(beside(protocol.training), trainingConfigSchema);
  const data = options.data ?? (protocol.data === undefined ? undefined : beside(protocol.data));
  const { name, source, close } = await openSource({ data }, deployment);
  const terminal = makeTerminal(process.stderr);
  if (source.kind === 'dataset') tellNotes(terminal, datasetNotes(source.dataset, deployment.directory));
  const reading = new ProgressBar('history', terminal, wallClock);
  let training: ProgressBar | undefined;
  let notes: readonly string[] = [];
  let outcome: WalkOutcome;
  try {
    outcome = await walkForward({
      ...{ deployment, type, source, protocol, config, signal },
      bounds: options.bounds,
      costs: options.costs,
      keepIn: resolve(options.keep ?? join(deployment.config.dataDir, 'walks')),
      parallel: options.parallel,
      onRead: showReplay(reading, source),
      onFolds: ({ doneCount, totalCount, keptCount }) => {
        reading.end(name);
        training ??= new ProgressBar('walk', terminal, wallClock);
        const kept = keptCount === 0 ? '' : `, ${keptCount} kept from before`;
        training.update(doneCount, totalCount, `${Math.floor(doneCount)} of ${totalCount} trainings${kept}`);
      },
      onRefused: (refused) => {
        notes = refused.map(describeRefused);
      },
    });
  } catch (error) {
    if (signal.aborted) training?.end('stopped; the same command goes on with the trainings that are left');
    throw error;
  } finally {
    await close();
  }
  const seconds = (wallClock.nowMs() - startedMs) / 1000;
  (training ?? reading).end(
    `${name}, ${formatCounted(outcome.folds.length, 'training')} in ${formatSpan(seconds * 1000)}`,
  );
  tellNotes(terminal, notes);
  const { backtest, folds, seeds, keptIn } = outcome;
  const { report, tradeOff, alerting, stories } = backtest;
  if (options.html !== undefined)
    await writeFile(options.html, backtestHtml(backtest, name, notes, [walkSection(outcome)]));
  printResult(
    {
      json: {
        dataset: name,
        protocol,
        ...report,
        tradeOff,
        alerting,
        stories,
        folds,
        seeds,
        keptIn,
        seconds,
      },
      human: () =>
        [
          ...formatFolds(outcome),
          ...formatSeeds(outcome),
          '',
          formatBacktest(backtest),
          `Networks and forecasts of all folds: ${keptIn}`,
          ...(options.html === undefined ? [] : [`With pictures: ${options.html}`]),
        ].join('\n'),
    },
    options.json,
  );
}
