/** Which trained network a command means: a folder, or the one in use. */
import type { Command } from 'commander';
import { loadDeployment } from '../config.js';
import { modelInUse } from '../model-folder.js';
import { chooseType } from '../training.js';
import { configOption } from './options.js';

export interface ModelChoice {
  readonly config: string;
  readonly model?: string;
  readonly type?: string;
}

export function withModelChoice(command: Command): Command {
  return command
    .option('--model <folder>', "folder of a trained version; default: the plant's network in use")
    .addOption(configOption())
    .option('--type <name>', 'without --model: machine type, where there are several');
}

/** Folder of the version that is meant; it need not exist where it was named. */
export async function chosenModel(choice: ModelChoice): Promise<string> {
  if (choice.model !== undefined) return choice.model;
  const { config, types } = loadDeployment(choice.config);
  const type = chooseType(types, choice.type);
  return modelInUse(config.model.dir, type.name);
}
