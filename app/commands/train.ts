/** `millwright train`: history to a network in use. */

import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import type { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { TrainingConfig } from '../../model/config.js';
import { featureSpec } from '../../stream/features.js';
import { describeAdoption } from '../adoption.js';
import { introduce, registryOf } from '../registry/introduce.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { formatCounted, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal, type Terminal } from '../terminal/terminal.js';
import { trainingNote } from '../terminal/training-note.js';
import { TrainingView } from '../terminal/training-view.js';
import {
  type NetworkRequest,
  trainEnsembleVersion,
  trainVersion,
  type WrittenEnsemble,
} from '../training.js';
import { crossValidate } from '../trials/folds.js';
import { formatFolds } from '../trials/folds-text.js';
import { UnfinishedTraining } from '../unfinished-training.js';
import { type AuthorOptions, authorOf, jsonOption, wholeNumber, withAuthor } from './options.js';
import { tellNotes } from './read-histories.js';
import { describeValues, onlyValues, printValues, trainValuesIfAny } from './train-values.js';
import {
  loadTraining,
  readTrainingHistories,
  type TrainingHistoryOptions,
  withTrainingHistory,
} from './training-history.js';

interface TrainOptions extends TrainingHistoryOptions, AuthorOptions {
  readonly seed: number;
  readonly ensemble: number;
  readonly folds?: number;
  readonly repeats: number;
  readonly resume: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

export function trainCommand(signal: AbortSignal): Command {
  return withAuthor(
    withTrainingHistory(
      new Command('train').description('train a network from history and take it into use'),
    ),
  )
    .option('--seed <number>', 'the same seed, data and settings give the same network', wholeNumber(0), 1)
    .option(
      '--ensemble <size>',
      'train this many networks, from seed on, and use their mean: better forecasts at as many times the cost',
      wholeNumber(1),
      1,
    )
    .option(
      '--folds <count>',
      'instead of a network, tell how good one would be: cross-validation over the machines',
      wholeNumber(2),
    )
    .option(
      '--repeats <count>',
      'with --folds: do it so often, from --seed on, for the spread',
      wholeNumber(1),
      1,
    )
    .option('--force', 'take it into use even if it is worse than the network in use', false)
    .option('--resume', 'go on with a training that was broken off, with the same data and settings', false)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright train --data history.yaml
  millwright train --data history.yaml --machines "press-00*,press-01*"    (the others are left for the backtest)
  millwright train --training training.yaml --seed 7                       (from the log; other settings)
  millwright train --data history.yaml --folds 5 --repeats 2               (how good is this recipe on my machines?)
  millwright train --data history.yaml --resume                            (after Ctrl-C, a crash or a power cut)

It is taken into use unless it is worse than the network in use, or than the marginal hazard, on machines that it has not
learned from.

Exit code: 0 trained and in use, 1 trained and not taken into use, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: TrainOptions) => {
      const startedMs = wallClock.nowMs();
      const { deployment, type, config } = loadTraining(options);
      const terminal = makeTerminal(process.stderr);
      const modelDir = deployment.config.model.dir;
      if (options.folds !== undefined) {
        const histories = await readTrainingHistories(options, deployment, type, terminal, signal);
        await runFolds({ ...options, folds: options.folds }, type, config, histories, terminal, signal);
        return;
      }
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
      const author = authorOf(options, 'train');
      const request = {
        type,
        histories,
        modelDir,
        config,
        seed,
        engine: deployment.config.model.engine,
        checkpointsIn: unfinished.folder,
        signal,
        onRetry: (reason: UserError, learningRate: number) =>
          tellNotes(terminal, [reason.message, `Trying once more with learning rate ${learningRate}.`]),
      };
      if (onlyValues(type, histories)) {
        const values = await trainValuesIfAny(request, registryOf(deployment.config.model), author, bar);
        if (values) printValues(values, bar, { startedMs, json: options.json });
        return;
      }
      const { artifact, members } = await trainAsAsked(request, size, bar, view).catch((error: unknown) => {
        if (signal.aborted && unfinished.exists())
          bar.end('stopped; the same command with --resume goes on from the last validation');
        throw error;
      });
      const { adoption, inUse } = await introduce({
        model: deployment.config.model,
        type,
        version: artifact.version,
        judged: members,
        histories,
        force: options.force,
        author,
        signal,
      });
      await unfinished.drop();
      const values = await trainValuesIfAny(request, registryOf(deployment.config.model), author, bar);
      const { version, directory, metrics } = artifact;
      const seconds = (wallClock.nowMs() - startedMs) / 1000;
      bar.end(`${version} in ${formatSpan(seconds * 1000)}`);
      printResult(
        {
          json: {
            version,
            directory,
            metrics,
            adoption: { ...adoption, inUse },
            values: values ?? null,
            seconds,
          },
          human: () =>
            [
              `Trained on ${formatCounted(metrics.trainingMachineCount, 'machine')}, best at step ${metrics.bestStep}.`,
              ...describeAdoption(adoption),
              inUse
                ? `In use from now on, also by a millwright run that is under way: ${directory}`
                : `Not taken into use; it is in ${directory}. \`millwright model promote ${version}\` takes it into use all the same.`,
              ...(values ? describeValues(values) : []),
              'Judge it before you trust it, on machines it has not seen: millwright backtest --help',
            ].join('\n'),
        },
        options.json,
      );
      if (!inUse) process.exitCode = exitCodes.failed;
    });
}

async function runFolds(
  options: TrainOptions & { readonly folds: number },
  type: MachineType,
  config: TrainingConfig,
  histories: readonly History[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const bar = new ProgressBar('folds', terminal, wallClock);
  const result = await crossValidate({
    spec: featureSpec(type),
    histories,
    config,
    seed: options.seed,
    foldCount: options.folds,
    repeatCount: options.repeats,
    signal,
    onProgress: ({ run, of, training }) =>
      bar.update(
        run + training.step / training.of,
        of,
        `fold ${run + 1} of ${of} · ${trainingNote(training)}`,
      ),
  });
  bar.end(`${formatCounted(result.folds.length, 'training')}; none is taken into use`);
  printResult({ json: result, human: () => formatFolds(result) }, options.json);
}

/** A single network is its own only member. */
async function trainAsAsked(
  request: NetworkRequest,
  size: number,
  bar: ProgressBar,
  view: TrainingView,
): Promise<WrittenEnsemble> {
  if (size > 1)
    return trainEnsembleVersion({
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
  const artifact = await trainVersion({
    ...request,
    onProgress: (progress) =>
      bar.update(progress.step, progress.of, trainingNote(progress), view.add(progress)),
  });
  return { artifact, members: [artifact] };
}
