/** What most commands share: reading the deployment, the data set, numbers. */
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { costsSchema } from '../../backtest/alert-cost.js';
import { alertBoundsSchema } from '../../backtest/alert-score.js';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import { globPattern } from '../../domain/machine-directory.js';
import { datasetSchema } from '../../infra/files/dataset-config.js';
import { openDataset } from '../../infra/files/open-dataset.js';
import { parseTimeMs } from '../../infra/files/parse-time.js';
import { loadYaml } from '../config-file.js';
import { operatorName } from '../operator.js';
import type { Author } from '../registry/registry.js';
import { loadFactory } from '../simulate/factory-config.js';
import { factoryDataset } from '../simulate/simulate-factory.js';

/** `-c, --config FILE`, in every command that needs the deployment. */
export function configOption(): Option {
  return new Option('-c, --config <file>', 'deployment file').default('millwright.yaml');
}

export function jsonOption(): Option {
  return new Option('--json', 'print JSON').default(false);
}

/** `--by NAME`, `--why TEXT`: for the audit log. */
export function withAuthor(command: Command): Command {
  return command
    .option('--by <name>', 'who does it, for the audit log; default: the user of this computer')
    .option('--why <text>', 'why, for the audit log', '');
}

export interface AuthorOptions {
  readonly by?: string;
  readonly why: string;
}

/** `via`: name of the command. */
export function authorOf({ by = operatorName(), why }: AuthorOptions, via: string): Author {
  return { by, via, why };
}

/** `--costs failure=50,falseAlarm=1`; the others as they are by default. */
export function costsOption(): Option {
  return new Option('--costs <list>', `what things cost, such as ${defaultsOf(costsSchema)} (the defaults)`)
    .argParser(numbersOf(costsSchema))
    .default(costsSchema.parse({}));
}

/** `--bounds usefulFromDays=3`; the others as they are by default. */
export function boundsOption(): Option {
  return new Option(
    '--bounds <list>',
    `what alerts are judged by, such as ${defaultsOf(alertBoundsSchema)} (the defaults)`,
  )
    .argParser(numbersOf(alertBoundsSchema))
    .default(alertBoundsSchema.parse({}));
}

type NumbersSchema<Numbers> = z.ZodType<Numbers> & { readonly shape: object };

function defaultsOf<Numbers extends object>(schema: NumbersSchema<Numbers>): string {
  return Object.entries(schema.parse({}))
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

function numbersOf<Numbers>(schema: NumbersSchema<Numbers>): (text: string) => Numbers {
  return (text) => {
    const given = text.split(',').map((part) => {
      const [name = '', value = ''] = part.split('=');
      return [name.trim(), value.trim() === '' ? Number.NaN : Number(value)] as const;
    });
    const parsed = schema.safeParse(Object.fromEntries(given));
    if (parsed.success) return parsed.data;
    const refined = parsed.error.issues.find(({ code }) => code === 'custom');
    throw new InvalidArgumentError(
      refined
        ? `${refined.message}.`
        : `write NAME=NUMBER of ${Object.keys(schema.shape).join(', ')}, at least 0, with commas between them.`,
    );
  };
}

/** A whole number of at least `min`. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min)
      throw new InvalidArgumentError(`write a whole number of at least ${min}.`);
    return value;
  };
}

/** A TCP port; 0 takes a free one. */
export function portNumber(text: string): number {
  const port = wholeNumber(0)(text);
  if (port > 65_535) throw new InvalidArgumentError('write a port, 65535 at most.');
  return port;
}

/** A number between 0 and 1, ends excluded. */
export function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1))
    throw new InvalidArgumentError('write a number between 0 and 1, such as 0.25.');
  return value;
}

/** `86400`, `86400x` or `max`. */
export function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const value = Number(text.replace(/x$/, ''));
  if (!(value > 0))
    throw new InvalidArgumentError(
      'write how much faster than real time, such as 86400 (a day in a second), or max.',
    );
  return value;
}

/** Opens what a data-set file (YAML) describes; a factory file gives the history of the simulated factory. */
export async function openDatasetFile(file: string): Promise<Dataset> {
  if (!existsSync(file))
    throw new UserError(
      `there is no data-set file ${file}: write one that says where the history lies (docs/guide/your-own-machines.md)`,
    );
  if (/\.(csv|tsv|txt|jsonl|ndjson)(\.gz)?$/i.test(file))
    throw new UserError(
      `${file} holds the history itself: write a data-set file that names it, such as history.yaml with the lines "kind: csv" and "readings: [{ file: ${file} }]"`,
    );
  const keys = loadYaml(file, z.looseObject({}));
  if (!('kind' in keys) && 'machineType' in keys) return factoryDataset(loadFactory(file));
  return openDataset(loadYaml(file, datasetSchema), dirname(resolve(file)));
}

/** Some machines of a data set only: a list of ids, or patterns with *. */
export function keepMachines(dataset: Dataset, words: string | undefined): Dataset {
  if (words === undefined) return dataset;
  const patterns = words.split(',').map((word) => globPattern(word.trim()));
  const kept = (machine: string) => patterns.some((pattern) => pattern.test(machine));
  const machines = dataset.machines.filter(({ machine }) => kept(machine));
  if (machines.length === 0) throw new UserError(`no machine of ${dataset.name} fits --machines ${words}`);
  return {
    ...dataset,
    machines,
    async *records() {
      for await (const record of dataset.records()) if (kept(record.machine)) yield record;
    },
  };
}

/** Start of a day written as 2015-06-30, as if in UTC. */
export function day(text: string): number {
  const timeMs = /^\d{4}-\d{2}-\d{2}$/.test(text) ? parseTimeMs(text, 'iso', 'UTC') : undefined;
  if (timeMs === undefined) throw new InvalidArgumentError('write a day such as 2015-06-30.');
  return timeMs;
}

/** Leaves what is in the file, so that a benchmark that is broken off does not cost the scores of the last one. */
export async function checkWritable(file: string): Promise<void> {
  try {
    await appendFile(file, '');
  } catch (error) {
    throw new UserError(`cannot write ${file}: ${String(error)}; choose another file`, {
      cause: error,
    });
  }
}
