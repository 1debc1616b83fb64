/** `millwright distill`: a small network that learns from a large one. */
import { Command, InvalidArgumentError } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { describeAdoption } from '../adoption.js';
import { enter } from '../registry/introduce.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { formatNumber, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { trainingNote } from '../terminal/training-note.js';
import { trainVersion } from '../training.js';
import { chosenModel } from './model-choice.js';
import { type AuthorOptions, authorOf, jsonOption, wholeNumber, withAuthor } from './options.js';
import {
  loadTraining,
  readTrainingHistories,
  type TrainingHistoryOptions,
  withTrainingHistory,
} from './training-history.js';

/** Of the student, where no training settings are given. */
const smallSize = 16;

interface DistillOptions extends TrainingHistoryOptions, AuthorOptions {
  readonly model?: string;
  readonly seed: number;
  readonly weight: number;
  readonly use: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

export function distillCommand(signal: AbortSignal): Command {
  return withAuthor(withTrainingHistory(new Command('distill')))
    .description('train a small network on what a large one, best an ensemble, says of the history')
    .option('--model <folder>', "the large network's folder; default: the plant's network in use")
    .option('--seed <number>', 'the same seed, data and settings give the same network', wholeNumber(0), 1)
    .option(
      '--weight <share>',
      'weight in its labels of what the large network says; the rest is what came',
      parseWeight,
      0.5,
    )
    .option('--use', 'take it into use, unless it is worse than the network in use', false)
    .option('--force', 'with --use: even then', false)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Without --training the small network has ${smallSize} units, and else the default settings.

Example:
  millwright distill --model models/press/ensemble-d5543d2f96bc --data history.yaml

Exit code: 0 trained (and in use, with --use), 1 worse than the network in use, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: DistillOptions) => {
      const startedMs = wallClock.nowMs();
      const { deployment, type, config } = loadTraining(options);
      const directory = await chosenModel(options);
      const terminal = makeTerminal(process.stderr);
      const histories = await readTrainingHistories(options, deployment, type, terminal, signal);
      const bar = new ProgressBar('distill', terminal, wallClock);
      const { seed, weight } = options;
      const { model } = deployment.config;
      const author = authorOf(options, 'distill');
      const written = await trainVersion({
        type,
        histories,
        modelDir: model.dir,
        config: options.training === undefined ? { ...config, hiddenSize: smallSize } : config,
        seed,
        teacher: { directory, share: weight },
        signal,
        onProgress: (progress) => bar.update(progress.step, progress.of, trainingNote(progress)),
      });
      const introduced = await enter(options.use, {
        ...{ model, type, histories, author, signal },
        version: written.version,
        judged: [written],
        force: options.force,
      });
      const seconds = (wallClock.nowMs() - startedMs) / 1000;
      bar.end(`${written.version} in ${formatSpan(seconds * 1000)}`);
      const { metrics, version } = written;
      printResult(
        {
          json: {
            version,
            directory: written.directory,
            metrics,
            adoption: introduced ? { ...introduced.adoption, inUse: introduced.inUse } : null,
            seconds,
          },
          human: () =>
            [
              `Learned from ${metrics.teacher?.version}: mean Brier over the horizon ${formatNumber(metrics.validationMeanBrier)} on ${metrics.validationMachineCount} machines`,
              ...(introduced ? describeAdoption(introduced.adoption) : []),
              `${introduced?.inUse ? 'In use' : 'Written, not in use'}: ${written.directory}`,
              'What it costs: millwright inspect; how good it is: millwright backtest, on machines that neither has seen',
            ].join('\n'),
        },
        options.json,
      );
      if (introduced?.inUse === false) process.exitCode = exitCodes.failed;
    });
}

function parseWeight(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('write a share above 0, at most 1.');
  return value;
}
