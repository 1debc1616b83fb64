/** `millwright tune`: which training settings for these machines. */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { wallClock } from '../../domain/clock.js';
import { featureSpec } from '../../stream/features.js';
import { loadYaml } from '../config-file.js';
import { formatCounted, formatNumber, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { type MethodName, methodNames } from '../tune/methods.js';
import { checkSpace, searchSpaceSchema } from '../tune/space.js';
import { searchSettings } from '../tune/tune.js';
import { bestSettings, formatSearch, searchCsv } from '../tune/tune-text.js';
import { jsonOption, share, wholeNumber } from './options.js';
import {
  loadTraining,
  readTrainingHistories,
  type TrainingHistoryOptions,
  withTrainingHistory,
} from './training-history.js';

interface TuneOptions extends TrainingHistoryOptions {
  readonly space: string;
  readonly method: MethodName;
  readonly trials: number;
  readonly seeds: number;
  readonly judge: number;
  readonly prune: boolean;
  readonly parallel: number;
  readonly seed: number;
  readonly journal?: string;
  readonly csv?: string;
  readonly best?: string;
  readonly json: boolean;
}

export function tuneCommand(signal: AbortSignal): Command {
  return withTrainingHistory(
    new Command('tune').description(
      'search training settings; shows what each trial gains and what it costs',
    ),
  )
    .requiredOption('--space <file>', 'what to vary (YAML): training settings, each with its values')
    .addOption(
      new Option('--method <name>', 'how to choose the trials').choices([...methodNames]).default('tpe'),
    )
    .option('--trials <count>', 'trials at most, besides the settings as they are', wholeNumber(1), 30)
    .option('--seeds <count>', 'trainings per trial', wholeNumber(1), 1)
    .option(
      '--judge <share>',
      'share of the machines that are kept from all trials, to judge by',
      share,
      0.25,
    )
    .option('--no-prune', 'let every trial go to its end')
    .option('--parallel <count>', 'trials at a time', wholeNumber(1), 1)
    .option('--seed <number>', 'of the draws, and of the first training of each trial', wholeNumber(0), 1)
    .option('--journal <file>', 'keep finished trials here, and go on from it')
    .option('--csv <file>', 'write all trials to this file')
    .option('--best <file>', 'write the best settings to this file, for train --training')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
A search space is a file such as:
  hiddenSize: [32, 64, 128]
  cell: [lstm, gru]
  learningRate: { from: 0.0005, to: 0.02, scale: log }
  dropout: { from: 0, to: 0.5 }
  layers: { from: 1, to: 2, integer: true }

Examples:
  millwright tune --data history.yaml --space space.yaml --trials 40 --journal tune.jsonl --best training.yaml
  millwright tune --data history.yaml --space space.yaml --method one-at-a-time --seeds 3 --csv trials.csv

Methods: tpe learns from the trials where good ones lie; random; grid, every combination; one-at-a-time, each setting on its own.

Exit code: 0 searched, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: TuneOptions) => {
      const startedMs = wallClock.nowMs();
      const { deployment, type, config } = loadTraining(options);
      const space = loadYaml(options.space, searchSpaceSchema);
      checkSpace(config, space);
      const terminal = makeTerminal(process.stderr);
      const histories = await readTrainingHistories(options, deployment, type, terminal, signal);
      const bar = new ProgressBar('tune', terminal, wallClock);
      const result = await searchSettings({
        spec: featureSpec(type),
        histories,
        base: config,
        space,
        method: options.method,
        trialsMax: options.trials,
        seedCount: options.seeds,
        judgedShare: options.judge,
        prune: options.prune,
        parallel: options.parallel,
        seed: options.seed,
        ...(options.journal === undefined ? {} : { journal: options.journal }),
        signal,
        onProgress: ({ doneCount, totalCount, bestMeanBrier, prunedCount, number }) =>
          bar.update(
            doneCount,
            totalCount,
            `${doneCount} of ${totalCount} trials, ${prunedCount} broken off · best mean Brier ${formatNumber(bestMeanBrier ?? Number.NaN)} · at trial ${number}`,
          ),
      });
      const seconds = (wallClock.nowMs() - startedMs) / 1000;
      bar.end(`${formatCounted(result.trials.length, 'trial')} in ${formatSpan(seconds * 1000)}`);
      if (options.csv !== undefined) await writeFile(options.csv, searchCsv(result, space));
      const best = { ...config, ...bestSettings(result) };
      if (options.best !== undefined) await writeFile(options.best, stringify(best));
      printResult(
        { json: { ...result, best, seconds }, human: () => formatSearch(result, space) },
        options.json,
      );
    });
}
