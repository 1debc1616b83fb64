/** `millwright model list|show|diff|promote|rollback|shadow|gate|retire|log`: the versions of a plant's networks. */
import { Command } from 'commander';
import { UserError } from '../../domain/errors.js';
import { type Deployment, loadDeployment } from '../config.js';
import { readAudit } from '../registry/audit-log.js';
import { checkUsable } from '../registry/check-usable.js';
import { registryOf } from '../registry/introduce.js';
import type { RegisteredVersion, Registry } from '../registry/registry.js';
import { diffVersions } from '../registry/version-diff.js';
import { entriesOfType } from '../registry/version-history.js';
import { formatAudit, formatDiff, formatVersion, formatVersions } from '../registry/version-text.js';
import { printResult } from '../terminal/print-result.js';
import { makeTerminal } from '../terminal/terminal.js';
import { chooseType } from '../training.js';
import { gateCommand } from './model-gate.js';
import { type AuthorOptions, authorOf, configOption, jsonOption, withAuthor } from './options.js';
import { tellNotes } from './read-histories.js';

interface ModelOptions {
  readonly config: string;
  readonly type?: string;
  readonly json: boolean;
}

type ChangeOptions = ModelOptions & AuthorOptions;

function about(name: string, description: string): Command {
  return new Command(name).description(description).addOption(configOption()).addOption(jsonOption());
}

export function modelCommand(): Command {
  const command = new Command('model')
    .description('versions of networks: which is in use, where it came from, and which is to be')
    .addHelpText(
      'after',
      `
Examples:
  millwright model list
  millwright model diff lstm-0c5d1ea82a55 lstm-9f86d081884c
  millwright model promote lstm-9f86d081884c --why "two weeks of summer in its data"
  millwright model rollback --why "false alarms on line 2"

A plant that runs takes what is promoted into use within seconds; what it has begun ends with the version that it began with.`,
    );
  for (const each of [
    listCommand(),
    showCommand(),
    diffCommand(),
    promoteCommand(),
    rollbackCommand(),
    shadowCommand(),
    gateCommand(),
    retireCommand(),
    logCommand(),
  ])
    command.addCommand(each);
  return command;
}

function listCommand(): Command {
  return about('list', 'all versions, the last changed first')
    .option('--type <name>', 'only of this machine type')
    .action(async (options: ModelOptions) => {
      const { deployment, registry } = open(options);
      const types =
        options.type === undefined
          ? [...deployment.types.keys()]
          : [chooseType(deployment.types, options.type).name];
      const versions = (await Promise.all(types.map((type) => registry.list(type)))).flat();
      printResult(
        { json: { versions: versions.map(wire) }, human: () => formatVersions(versions) },
        options.json,
      );
    });
}

function showCommand(): Command {
  return about('show', 'one version: its data, settings, parents, scores, hashes, and what became of it')
    .argument('<version>', 'as `model list` names it')
    .action(async (version: string, options: ModelOptions) => {
      const { deployment, registry } = open(options);
      const found = await registry.find(deployment.types.keys(), version);
      const { entries } = await readAudit(deployment.config.model.dir);
      const history = entriesOfType(entries, found.type).filter(
        (entry) => entry.version === version || entry.before === version,
      );
      printResult(
        {
          json: {
            ...wire(found),
            hashes: found.artifact?.hashes ?? null,
            metrics: found.artifact?.metrics ?? null,
            history,
          },
          human: () => formatVersion(found, history),
        },
        options.json,
      );
    });
}

function diffCommand(): Command {
  return about('diff', 'in what two versions differ: data, settings, features, scores')
    .argument('<a>')
    .argument('<b>')
    .action(async (a: string, b: string, options: ModelOptions) => {
      const { deployment, registry } = open(options);
      const read = async (version: string) => {
        const found = await registry.find(deployment.types.keys(), version);
        if (found.fault !== undefined) throw new UserError(found.fault);
        return found;
      };
      const diff = diffVersions(await read(a), await read(b));
      printResult({ json: diff, human: () => formatDiff(diff) }, options.json);
    });
}

function promoteCommand(): Command {
  return withAuthor(about('promote', 'take a version into use, without judging it'))
    .argument('<version>', 'as `model list` names it')
    .action(async (version: string, options: ChangeOptions) => {
      const { deployment, registry } = open(options);
      const found = await registry.find(deployment.types.keys(), version);
      await takeIntoUse(deployment, registry, found, options, 'promote');
    });
}

function rollbackCommand(): Command {
  return withAuthor(about('rollback', 'take the version into use that was so before the present one'))
    .option('--type <name>', 'machine type, where there are several')
    .option('--values', 'of the networks for values, not of those for failures', false)
    .action(async (options: ChangeOptions & { readonly values: boolean }) => {
      const { deployment, registry } = open(options);
      const type = chooseType(deployment.types, options.type).name;
      const before = await registry.predecessor(type, options.values ? 'values' : 'failures');
      await takeIntoUse(deployment, registry, await registry.find([type], before), options, 'rollback');
    });
}

async function takeIntoUse(
  deployment: Deployment,
  registry: Registry,
  found: RegisteredVersion,
  options: ChangeOptions,
  action: 'promote' | 'rollback',
): Promise<void> {
  const { type, version, directory } = found;
  await checkUsable(deployment, found);
  const before = await registry.takeIntoUse(type, version, authorOf(options, `model ${action}`), action);
  printResult(
    {
      json: { type, version, before: before ?? null, directory },
      human: () =>
        before === version
          ? `${version} is in use for ${type} already`
          : `${version} is in use for ${type} from now on${before === undefined ? '' : `, in place of ${before}`}`,
    },
    options.json,
  );
}

function shadowCommand(): Command {
  return withAuthor(
    about('shadow', 'a version scores the same windows beside the one in use; nobody acts on what it says'),
  )
    .argument('<version>', 'as `model list` names it')
    .action(async (version: string, options: ChangeOptions) => {
      const { deployment, registry } = open(options);
      const found = await registry.find(deployment.types.keys(), version);
      await checkUsable(deployment, found);
      await registry.shadow(found.type, version, authorOf(options, 'model shadow'));
      printResult(
        {
          json: { type: found.type, version },
          human: () => `${version} scores in the shadow of ${found.type}; \`millwright model gate\` compares`,
        },
        options.json,
      );
    });
}

function retireCommand(): Command {
  return withAuthor(about('retire', 'a version is not to be used any more: it may be deleted'))
    .argument('<version>', 'as `model list` names it')
    .action(async (version: string, options: ChangeOptions) => {
      const { deployment, registry } = open(options);
      const { type } = await registry.find(deployment.types.keys(), version);
      await registry.retire(type, version, authorOf(options, 'model retire'));
      printResult({ json: { type, version }, human: () => `${version} is retired` }, options.json);
    });
}

function logCommand(): Command {
  return about('log', 'who changed versions and alert rules, when and why').action(
    async (options: ModelOptions) => {
      const { config } = loadDeployment(options.config);
      const { entries, damagedLines } = await readAudit(config.model.dir);
      if (damagedLines.length > 0)
        tellNotes(makeTerminal(process.stderr), [
          `not whole and left out, of the audit log: line ${damagedLines.join(', ')}`,
        ]);
      printResult({ json: { entries, damagedLines }, human: () => formatAudit(entries) }, options.json);
    },
  );
}

function open({ config }: ModelOptions): { readonly deployment: Deployment; readonly registry: Registry } {
  const deployment = loadDeployment(config);
  return { deployment, registry: registryOf(deployment.config.model) };
}

/** As JSON: all but the bytes. */
function wire({ artifact, since, fault, ...found }: RegisteredVersion) {
  const { validationMeanBrier: meanBrier } = artifact?.metrics ?? {};
  return {
    ...found,
    since: since ?? null,
    fault: fault ?? null,
    codeVersion: artifact?.codeVersion ?? null,
    lineage: artifact?.lineage ?? null,
    meanBrier: meanBrier ?? null,
  };
}
