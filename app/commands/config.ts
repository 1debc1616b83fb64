/** `millwright config check FILE` and `millwright config schema KIND`. */
import { readFileSync } from 'node:fs';
import { Argument, Command } from 'commander';
import { parseDocument } from 'yaml';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { datasetSchema } from '../../infra/files/dataset-config.js';
import { trainingConfigSchema } from '../../model/config.js';
import { type ConfigKind, checkDeployment, configJsonSchema, configKinds } from '../config.js';
import { formatProblem, type Problem, readYaml } from '../config-file.js';
import { checkFactory } from '../simulate/factory-config.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { formatCounted, formatDays } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { walkProtocolSchema } from '../walk/protocol.js';

export function configCommand(): Command {
  const command = new Command('config').description('check configuration files, print their schemas');
  command
    .command('check')
    .description(
      'say all that is wrong with a deployment, a machine type, a data set, training settings, a simulated factory or the protocol of a walk-forward backtest',
    )
    .argument('<file>', 'YAML file')
    .option('--kind <kind>', `what the file is: ${configKinds.join(', ')} (told from its keys when left out)`)
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  millwright config check millwright.yaml\n  millwright config check types/pump.yaml --json\n\nExit code: 0 the file is good, 2 it is not.',
    )
    .action((file: string, options: { kind?: string; json: boolean }, self: Command) => {
      const kind = options.kind ?? kindOf(file);
      if (!isKind(kind))
        self.error(`--kind ${kind}: write ${configKinds.join(', ')}`, { exitCode: exitCodes.usage });
      const { summary, problems } = checkFile(file, kind);
      printResult(
        {
          json: { ok: problems.length === 0, file, kind, problems },
          human: () =>
            problems.length === 0
              ? `${file} is good: ${summary}`
              : [...problems.map(formatProblem), formatCounted(problems.length, 'problem')].join('\n'),
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

/** Each kind has keys that no other has; everything else is taken for a deployment, whose errors then say what is missing. */
function kindOf(file: string): ConfigKind {
  try {
    const document = parseDocument(readFileSync(file, 'utf8'));
    if (document.has('machineType')) return 'factory';
    if (document.has('sensors')) return 'machine-type';
    if (document.has('kind')) return 'data-set';
    if (document.has('from')) return 'walk';
    return Object.keys(trainingConfigSchema.shape).some((key) => document.has(key))
      ? 'training'
      : 'deployment';
  } catch {
    // Not readable or not YAML: reading it as a deployment says so, with file and line.
    return 'deployment';
  }
}

interface Checked {
  /** What is in the file, when nothing is wrong. */
  readonly summary: string;
  readonly problems: readonly Problem[];
}

const wrong = (problems: readonly Problem[]): Checked => ({ summary: '', problems });
const good = (summary: string): Checked => ({ summary, problems: [] });

function checkFile(file: string, kind: ConfigKind): Checked {
  switch (kind) {
    case 'machine-type': {
      const read = readYaml(file, machineTypeSchema);
      if (!read.ok) return wrong(read.problems);
      const { name, sensors, windowSteps, horizonSteps } = read.value;
      return good(
        `machine type ${name}, ${formatCounted(sensors.length, 'sensor')}, window ${windowSteps}, horizon ${horizonSteps}`,
      );
    }
    case 'data-set': {
      const read = readYaml(file, datasetSchema);
      return read.ok ? good(`a data set of kind ${read.value.kind}`) : wrong(read.problems);
    }
    case 'training': {
      const read = readYaml(file, trainingConfigSchema);
      return read.ok ? good('training settings') : wrong(read.problems);
    }
    case 'factory': {
      const read = checkFactory(file);
      if (!read.ok) return wrong(read.problems);
      const { config, type } = read.factory;
      return good(
        `a simulated factory of ${formatCounted(config.machines, 'machine')} of type ${type.name}, ${formatDays(config.days)}`,
      );
    }
    case 'walk': {
      const read = readYaml(file, walkProtocolSchema);
      return read.ok ? good(`a walk-forward backtest from ${read.value.from} on`) : wrong(read.problems);
    }
    case 'deployment':
      return checkDeploymentFile(file);
  }
}

function checkDeploymentFile(file: string): Checked {
  const read = checkDeployment(file);
  if (!read.ok) return wrong(read.problems);
  const types = [...read.deployment.types.values()].map(
    (type) => `${type.name} (${formatCounted(type.sensors.length, 'sensor')})`,
  );
  const { machines, mqtt } = read.deployment.config;
  return good(
    `machine types ${types.join(', ')}; ${formatCounted(machines.length, 'machine entry', 'machine entries')}; MQTT ${mqtt.kind}`,
  );
}
