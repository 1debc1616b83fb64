/** `millwright model gate`: the version in the shadow beside the one in use, on what both have forecast. */
import { Command } from 'commander';
import type { Costs } from '../../backtest/alert-cost.js';
import type { AlertBounds } from '../../backtest/alert-score.js';
import { readArtifact } from '../../model/artifact.js';
import { loadDeployment } from '../config.js';
import { versionFolder } from '../model-folder.js';
import { openLog } from '../open-log.js';
import { checkUsable } from '../registry/check-usable.js';
import { type Contender, judgeShadow } from '../registry/gate.js';
import { formatGate, gateReason } from '../registry/gate-text.js';
import { registryOf } from '../registry/introduce.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { printResult } from '../terminal/print-result.js';
import { chooseType } from '../training.js';
import {
  type AuthorOptions,
  authorOf,
  boundsOption,
  configOption,
  costsOption,
  jsonOption,
  withAuthor,
} from './options.js';

interface GateOptions extends AuthorOptions {
  readonly config: string;
  readonly type?: string;
  readonly promote: boolean;
  readonly orLevel: boolean;
  readonly costs: Costs;
  readonly bounds: AlertBounds;
  readonly json: boolean;
}

export function gateCommand(): Command {
  return withAuthor(
    new Command('gate').description('hold the version in the shadow against the one in use, by what came'),
  )
    .addOption(configOption())
    .option('--type <name>', 'machine type, where there are several')
    .option('--promote', 'take it into use if it passes', false)
    .option('--or-level', 'it passes, too, where the two cannot be told apart', false)
    .addOption(costsOption())
    .addOption(boundsOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Example:
  millwright model gate --promote                       (in a cron job: promotes as soon as it is better beyond doubt)

Exit code: 0 it passes, 1 it does not (yet), 2 wrong usage, or nothing to compare.`,
    )
    .action(async (options: GateOptions) => {
      const deployment = loadDeployment(options.config);
      const { config, types } = deployment;
      const type = chooseType(types, options.type);
      const registry = registryOf(config.model);
      const { champion, shadow } = await registry.contenders(type.name);
      const contender = async (version: string): Promise<Contender> => {
        const { metrics } = await readArtifact(versionFolder(config.model.dir, type.name, version));
        return { version, seen: metrics.seen };
      };
      const log = await openLog(config, 'read-only');
      const report = await judgeShadow({
        deployment,
        type,
        log,
        champion: await contender(champion),
        shadow: await contender(shadow),
        bounds: options.bounds,
        costs: options.costs,
      }).finally(() => log.close());
      const passed = report.decision === 'better' || (options.orLevel && report.decision === 'level');
      const promoted = passed && options.promote;
      if (promoted) {
        await checkUsable(deployment, await registry.find([type.name], shadow));
        const author = authorOf(options, 'model gate');
        const why = [author.why, gateReason(report)].filter((part) => part !== '').join('; ');
        await registry.takeIntoUse(type.name, shadow, { ...author, why });
      }
      printResult(
        {
          json: { ...report, passed, promoted },
          human: () =>
            `${formatGate(report)}${promoted ? `\n${shadow} is in use for ${type.name} from now on, in place of ${champion}` : ''}`,
        },
        options.json,
      );
      if (!passed) process.exitCode = exitCodes.failed;
    });
}
