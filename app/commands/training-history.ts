/** What the commands that train share: which history of which machine type, and which recipe. */
import type { Command } from 'commander';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { type TrainingConfig, trainingConfigSchema } from '../../model/config.js';
import { type Deployment, loadDeployment } from '../config.js';
import { loadYaml } from '../config-file.js';
import { readHistories } from '../history.js';
import { openLog } from '../open-log.js';
import type { Terminal } from '../terminal/terminal.js';
import { chooseType } from '../training.js';
import { configOption, keepMachines, openDatasetFile } from './options.js';
import { readHistoriesOf } from './read-histories.js';

export interface TrainingHistoryOptions {
  readonly config: string;
  readonly data?: string;
  readonly machines?: string;
  readonly type?: string;
  readonly training?: string;
}

export function withTrainingHistory(command: Command): Command {
  return command
    .addOption(configOption())
    .option(
      '--data <file>',
      'data-set file (YAML); default: the history that the log of the deployment has kept',
    )
    .option('--machines <ids>', 'only these machines, separated by commas; * for any characters')
    .option('--type <name>', 'machine type, where there are several')
    .option(
      '--training <file>',
      'training settings (YAML); default: the defaults, which were best on C-MAPSS',
    );
}

export interface TrainingSetup {
  readonly deployment: Deployment;
  readonly type: MachineType;
  readonly config: TrainingConfig;
}

/** Reads small files only, so that what is wrong in them is told before the work. */
export function loadTraining(options: TrainingHistoryOptions): TrainingSetup {
  const deployment = loadDeployment(options.config);
  const type = chooseType(deployment.types, options.type);
  const { training } = options;
  const config =
    training === undefined ? trainingConfigSchema.parse({}) : loadYaml(training, trainingConfigSchema);
  return { deployment, type, config };
}

/** At least one history. */
export async function readTrainingHistories(
  options: TrainingHistoryOptions,
  deployment: Deployment,
  type: MachineType,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly History[]> {
  const histories = (await readAll(options, deployment, terminal, signal)).get(type.name) ?? [];
  if (histories.length === 0)
    throw new UserError(`there is no history of machine type ${type.name} to train on`);
  return histories;
}

async function readAll(
  options: TrainingHistoryOptions,
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
  const log = await openLog(deployment.config, 'read-only');
  try {
    return await readHistories(deployment, log);
  } finally {
    await log.close();
  }
}
