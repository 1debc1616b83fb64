/** `millwright train`: history to a network in use. */

import { join } from 'node:path';
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import type { WrittenArtifact } from '../../model/artifact.js';
import { trainingConfigSchema } from '../../model/config.js';
import { type Deployment, loadDeployment } from '../config.js';
import { loadYaml } from '../config-file.js';
import { readHistories } from '../history.js';
import { formatCounted, formatNumber, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal, type Terminal } from '../terminal/terminal.js';
import { trainingNote } from '../terminal/training-note.js';
import { TrainingView } from '../terminal/training-view.js';
import { chooseType, type NetworkRequest, trainEnsembleFor, trainNetworkFor } from '../training.js';
import { UnfinishedTraining } from '../unfinished-training.js';
import { configOption, jsonOption, keepMachines, openDatasetFile, wholeNumber } from './options.js';
import { readHistoriesOf, tellNotes } from './read-histories.js';

interface TrainOptions {
  readonly config: string;
  readonly data?: string;
  readonly machines?: string;
  readonly type?: string;
  readonly training?: string;
  readonly seed: number;
  readonly ensemble: number;
  readonly resume: boolean;
  readonly json: boolean;
}

export function trainCommand(signal: AbortSignal): Command {
  return new Command('train')
    .description('train a network from history and take it into use')
    .addOption(configOption())
    .option(
      '--data <file>',
      'data-set file (YAML); default: the history that the log of the deployment has kept',
    )
    .option('--machines <ids>', 'only these machines, separated by commas; * for any characters')
    .option('--type <name>', 'machine type, where there are several')
    .option('--training <file>', 'training settings (YAML); default: the recipe that was best on C-MAPSS')
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
      const deployment = loadDeployment(options.config);
      const type = chooseType(deployment.types, options.type);
      const config =
        options.training === undefined
          ? trainingConfigSchema.parse({})
          : loadYaml(options.training, trainingConfigSchema);
      const terminal = makeTerminal(process.stderr);
      const modelDir = deployment.config.model.dir;
      const unfinished = new UnfinishedTraining(modelDir, type.name);
      if (options.resume) unfinished.check();
      const histories = (await openHistories(options, deployment, terminal, signal)).get(type.name) ?? [];
      if (histories.length === 0)
        throw new UserError(`there is no history of machine type ${type.name} to train on`);
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

async function openHistories(
  options: TrainOptions,
  deployment: Deployment,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly History[]>> {
  if (options.data !== undefined)
    return readHistoriesOf(
      keepMachines(await openDatasetFile(options.data), options.machines),
      deployment,
      terminal,
      signal,
    );
  if (options.machines !== undefined)
    throw new UserError('--machines chooses from a data set: give --data too');
  const log = await openEmbeddedLog({ dir: join(deployment.config.dataDir, 'log'), mode: 'read-only' });
  try {
    return await readHistories(deployment, log);
  } finally {
    await log.close();
  }
}
