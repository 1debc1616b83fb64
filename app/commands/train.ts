/** `millwright train`: history to a network in use. */

import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import type { UserError } from '../../domain/errors.js';
import type { WrittenArtifact } from '../../model/artifact.js';
import { formatCounted, formatNumber, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { trainingNote } from '../terminal/training-note.js';
import { TrainingView } from '../terminal/training-view.js';
import { type NetworkRequest, trainEnsembleFor, trainNetworkFor } from '../training.js';
import { UnfinishedTraining } from '../unfinished-training.js';
import { jsonOption, wholeNumber } from './options.js';
import { tellNotes } from './read-histories.js';
import {
  loadTraining,
  readTrainingHistories,
  type TrainingHistoryOptions,
  withTrainingHistory,
} from './training-history.js';

interface TrainOptions extends TrainingHistoryOptions {
  readonly seed: number;
  readonly ensemble: number;
  readonly resume: boolean;
  readonly json: boolean;
}

export function trainCommand(signal: AbortSignal): Command {
  return withTrainingHistory(
    new Command('train').description('train a network from history and take it into use'),
  )
    .option('--seed <number>', 'the same seed, data and settings give the same network', wholeNumber(0), 1)
    .option(
      '--ensemble <size>',
      'train this many networks, from seed on, and use their mean: better forecasts at as many times the cost',
      wholeNumber(1),
      1,
    )
    .option('--resume', 'go on with a training that was broken off, with the same data and settings', false)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright train --data history.yaml
  millwright train --data history.yaml --machines "press-00*,press-01*"    (the others are left for the backtest)
  millwright train --training training.yaml --seed 7                       (from the log; other settings)
  millwright train --data history.yaml --resume                            (after Ctrl-C, a crash or a power cut)

Exit code: 0 trained, 1 training failed, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: TrainOptions) => {
      const startedMs = wallClock.nowMs();
      const { deployment, type, config } = loadTraining(options);
      const terminal = makeTerminal(process.stderr);
      const modelDir = deployment.config.model.dir;
      const unfinished = new UnfinishedTraining(modelDir, type.name);
      if (options.resume) unfinished.check();
      const histories = await readTrainingHistories(options, deployment, type, terminal, signal);
      if (!options.resume && unfinished.exists()) {
        tellNotes(terminal, [
          'a training that was broken off is dropped; --resume would have gone on with it',
        ]);
        await unfinished.drop();
      }
      const bar = new ProgressBar('train', terminal, wallClock);
      const view = new TrainingView(terminal.paint);
      const { seed, ensemble: size } = options;
      const request = {
        type,
        histories,
        modelDir,
        config,
        seed,
        checkpointsIn: unfinished.folder,
        signal,
        onRetry: (reason: UserError, learningRate: number) =>
          tellNotes(terminal, [reason.message, `Trying once more with learning rate ${learningRate}.`]),
      };
      const artifact = await trainAsAsked(request, size, bar, view).catch((error: unknown) => {
        if (signal.aborted && unfinished.exists())
          bar.end('stopped; the same command with --resume goes on from the last validation');
        throw error;
      });
      await unfinished.drop();
      const { metrics } = artifact;
      const seconds = (wallClock.nowMs() - startedMs) / 1000;
      bar.end(`${artifact.version} in ${formatSpan(seconds * 1000)}`);
      printResult(
        {
          json: { version: artifact.version, directory: artifact.directory, metrics, seconds },
          human: () =>
            [
              `Trained on ${formatCounted(metrics.trainingMachineCount, 'machine')}, judged on ${formatCounted(metrics.validationMachineCount, 'other')}:`,
              size === 1
                ? `  mean Brier over the horizon ${formatNumber(metrics.validationMeanBrier)}, best at step ${metrics.bestStep}`
                : `  mean Brier over the horizon ${formatNumber(metrics.validationMeanBrier)}, mean of the ${size} networks one by one`,
              `In use from now on, also by a millwright run that is under way: ${artifact.directory}`,
              'Judge it before you trust it, on machines it has not seen: millwright backtest --help',
            ].join('\n'),
        },
        options.json,
      );
    });
}

function trainAsAsked(
  request: NetworkRequest,
  size: number,
  bar: ProgressBar,
  view: TrainingView,
): Promise<WrittenArtifact> {
  if (size === 1)
    return trainNetworkFor({
      ...request,
      onProgress: (progress) =>
        bar.update(progress.step, progress.of, trainingNote(progress), view.add(progress)),
    });
  return trainEnsembleFor({
    ...request,
    size,
    onProgress: (progress, member) =>
      bar.update(
        (member - 1) * progress.of + progress.step,
        size * progress.of,
        `network ${member} of ${size} · ${trainingNote(progress)}`,
        view.add(progress),
      ),
  });
}
