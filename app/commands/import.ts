/** `millwright import`: a network that another program has trained further, as a version of its machine type. */
import { Command, Option } from 'commander';
import { UserError } from '../../domain/errors.js';
import { readLayersModel } from '../../infra/tfjs/layers-file.js';
import { checkFits } from '../../model/fit.js';
import { writeImported } from '../../model/imported-artifact.js';
import { featureSpec } from '../../stream/features.js';
import { loadDeployment } from '../config.js';
import { versionsFolder } from '../model-folder.js';
import { registryOf } from '../registry/introduce.js';
import { printResult } from '../terminal/print-result.js';
import { chooseType, codeVersion } from '../training.js';
import { type AuthorOptions, authorOf, configOption, jsonOption, withAuthor } from './options.js';

interface ImportOptions extends AuthorOptions {
  readonly config: string;
  readonly type?: string;
  readonly use: boolean;
  readonly json: boolean;
}

export function importCommand(): Command {
  return withAuthor(new Command('import'))
    .description('take in a network that was exported, and trained further elsewhere')
    .argument(
      '<folder>',
      'folder with model.json and weights.bin, as model.save() of TensorFlow.js writes it',
    )
    .addOption(new Option('--format <name>', 'what it is written as').choices(['tfjs']).default('tfjs'))
    .addOption(configOption())
    .option('--type <name>', 'machine type, where there are several')
    .option('--use', 'take it into use; else it only lies among the versions', false)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Example:
  millwright export --format tfjs --out press-tfjs        (train on it with TensorFlow.js, save it to press-tuned)
  millwright import press-tuned

Exit code: 0, or 2 when it is not the network that was exported, or does not fit the machine type.`,
    )
    .action(async (folder: string, options: ImportOptions) => {
      const { config, types } = loadDeployment(options.config);
      const type = chooseType(types, options.type);
      const network = await readLayersModel(folder);
      const misfit = checkFits(network.preprocessing.spec, featureSpec(type));
      if (misfit !== undefined)
        throw new UserError(`The model in ${folder} does not fit machine type "${type.name}": ${misfit}.`);
      const { version, directory } = await writeImported(
        versionsFolder(config.model.dir, type.name),
        network,
        `a layers model of TensorFlow.js (${folder})`,
        codeVersion(),
      );
      const author = authorOf(options, 'import');
      const registry = registryOf(config.model);
      await registry.added(type.name, [version], author);
      // Which machines it has learned from nobody can tell: there is nothing to judge it by.
      if (options.use) await registry.takeIntoUse(type.name, version, author);
      printResult(
        {
          json: { version, directory, inUse: options.use },
          human: () =>
            `${directory}${options.use ? ', in use' : ''}\nNobody has judged it yet: millwright backtest`,
        },
        options.json,
      );
    });
}
