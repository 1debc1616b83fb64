/** `millwright config check FILE` and `millwright config schema KIND`. */
import { readFileSync } from 'node:fs';
import { Argument, Command } from 'commander';
import { parseDocument } from 'yaml';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { type ConfigKind, checkDeployment, configJsonSchema, configKinds } from '../config.js';
import { formatProblem, type Problem, readYaml } from '../config-file.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { formatCount } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';

export function configCommand(): Command {
  const command = new Command('config').description('check configuration files, print their schemas');
  command
    .command('check')
    .description('say all that is wrong with a deployment file or a machine-type file')
    .argument('<file>', 'YAML file')
    .option(
      '--kind <kind>',
      `what the file is: ${configKinds.join(' or ')} (told from its keys when left out)`,
    )
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  millwright config check millwright.yaml\n  millwright config check types/pump.yaml --json\n\nExit code: 0 the file is good, 2 it is not.',
    )
    .action((file: string, options: { kind?: string; json: boolean }, self: Command) => {
      const kind = options.kind ?? kindOf(file);
      if (!isKind(kind))
        self.error(`--kind ${kind}: write ${configKinds.join(' or ')}`, { exitCode: exitCodes.usage });
      const { summary, problems } = checkFile(file, kind);
      printResult(
        {
          json: { ok: problems.length === 0, file, kind, problems },
          human: () =>
            problems.length === 0
              ? `${file} is good: ${summary}`
              : [
                  ...problems.map(formatProblem),
                  `${formatCount(problems.length)} ${problems.length === 1 ? 'problem' : 'problems'}`,
                ].join('\n'),
        },
        options.json,
      );
      if (problems.length > 0) process.exitCode = exitCodes.usage;
    });
  command
    .command('schema')
    .description('print the JSON Schema of a file, for editors')
    .addArgument(new Argument('[kind]', 'which file').choices(configKinds).default('deployment'))
    .option('--json', 'print JSON (it always is)', false)
    .addHelpText('after', '\nExample:\n  millwright config schema machine-type > machine-type.schema.json')
    .action((kind: ConfigKind) => {
      const schema = configJsonSchema(kind);
      printResult({ json: schema, human: () => JSON.stringify(schema, null, 2) }, false);
    });
  return command;
}

function isKind(word: string): word is ConfigKind {
  return configKinds.some((kind) => kind === word);
}

/** A machine type has sensors; everything else is taken for a deployment, whose errors then say what is missing. */
function kindOf(file: string): ConfigKind {
  try {
    return parseDocument(readFileSync(file, 'utf8')).has('sensors') ? 'machine-type' : 'deployment';
  } catch {
    // Not readable or not YAML: reading it as a deployment says so, with file and line.
    return 'deployment';
  }
}

function checkFile(file: string, kind: ConfigKind): { summary: string; problems: readonly Problem[] } {
  if (kind === 'machine-type') {
    const read = readYaml(file, machineTypeSchema);
    return read.ok
      ? {
          summary: `machine type ${read.value.name}, ${read.value.sensors.length} sensors, window ${read.value.windowSteps}, horizon ${read.value.horizonSteps}`,
          problems: [],
        }
      : { summary: '', problems: read.problems };
  }
  const read = checkDeployment(file);
  if (!read.ok) return { summary: '', problems: read.problems };
  const types = [...read.deployment.types.values()].map(
    (type) => `${type.name} (${type.sensors.length} sensors)`,
  );
  const { machines, mqtt } = read.deployment.config;
  return {
    summary: `machine types ${types.join(', ')}; ${machines.length} machine ${machines.length === 1 ? 'entry' : 'entries'}; MQTT ${mqtt.kind}`,
    problems: [],
  };
}
