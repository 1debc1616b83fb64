/** `millwright train`: history to a network in use. */

import { join } from 'node:path';
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { trainingConfigSchema } from '../../model/config.js';
import { loadDeployment } from '../config.js';
import { loadYaml } from '../config-file.js';
import { buildHistories, readHistories } from '../history.js';
import { formatCounted, formatNumber, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { trainingNote } from '../terminal/training-note.js';
import { chooseType, trainEnsembleFor, trainNetworkFor } from '../training.js';
import { configOption, jsonOption, keepMachines, openDatasetFile, wholeNumber } from './options.js';

interface TrainOptions {
  readonly config: string;
  readonly data?: string;
  readonly machines?: string;
  readonly type?: string;
  readonly training?: string;
  readonly seed: number;
  readonly ensemble: number;
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
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  millwright train -c examples/demo/millwright.yaml --data examples/demo/train.yaml\n  millwright train --training training.yaml --seed 7\n\nExit code: 0 trained, 1 training failed, 2 wrong usage, data or configuration.',
    )
    .action(async (options: TrainOptions) => {
      const startedMs = wallClock.nowMs();
      const deployment = loadDeployment(options.config);
      const type = chooseType(deployment.types, options.type);
      const config =
        options.training === undefined
          ? trainingConfigSchema.parse({})
          : loadYaml(options.training, trainingConfigSchema);
      const histories = (await openHistories(options, deployment, signal)).get(type.name) ?? [];
      if (histories.length === 0)
        throw new UserError(`there is no history of machine type ${type.name} to train on`);
      const bar = new ProgressBar('train', makeTerminal(process.stderr), wallClock);
      const { seed, ensemble: size } = options;
      const request = { type, histories, modelDir: deployment.config.model.dir, config, seed, signal };
      const artifact =
        size === 1
          ? await trainNetworkFor({
              ...request,
              onProgress: (progress) => bar.update(progress.step, progress.of, trainingNote(progress)),
            })
          : await trainEnsembleFor({
              ...request,
              size,
              onProgress: (progress, member) =>
                bar.update(
                  (member - 1) * progress.of + progress.step,
                  size * progress.of,
                  `network ${member} of ${size} · ${trainingNote(progress)}`,
                ),
            });
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
              `In use from the next start: ${artifact.directory}`,
            ].join('\n'),
        },
        options.json,
      );
    });
}

async function openHistories(
  options: TrainOptions,
  deployment: ReturnType<typeof loadDeployment>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly History[]>> {
  if (options.data !== undefined)
    return buildHistories(
      deployment,
      keepMachines(await openDatasetFile(options.data), options.machines),
      signal,
    );
  const log = await openEmbeddedLog({ dir: join(deployment.config.dataDir, 'log'), mode: 'read-only' });
  try {
    return await readHistories(deployment, log);
  } finally {
    await log.close();
  }
}
