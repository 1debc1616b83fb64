/** The public data that benchmarks run on: where its files lie, and which part of it is meant. */
import { type Command, Option } from 'commander';
import { UserError } from '../../domain/errors.js';
import { type CmapssSubset, cmapssSubsets } from '../../infra/files/cmapss.js';
import type { AzurePeriod } from '../benchmark/azure-fleet.js';
import { day } from './options.js';

export interface CmapssData {
  readonly dir: string;
  readonly subset: CmapssSubset;
}

export function withCmapssData(command: Command): Command {
  return command
    .requiredOption('--dir <folder>', 'folder of the NASA text files, plain or .gz')
    .addOption(
      new Option('--subset <name>', 'which of the four sets').choices(cmapssSubsets).default('FD001'),
    );
}

export interface AzureData {
  readonly dir: string;
  readonly trainUntil: number;
  readonly testFrom: number;
  readonly testTo: number;
}

export function withAzureData(command: Command): Command {
  return command
    .requiredOption('--dir <folder>', 'folder of telemetry_daily.csv and the PdM_*.csv files, plain or .gz')
    .requiredOption('--train-until <day>', 'last day to train on, such as 2015-06-30', day)
    .requiredOption('--test-from <day>', 'first day at whose end forecasts are judged', day)
    .requiredOption('--test-to <day>', 'last such day', day);
}

/** For networks of failures, which may know the visits to come. */
export function knownPlanOption(): Option {
  return new Option(
    '--known-plan',
    'the network knows the visits to come: the past cadence carried on',
  ).default(false);
}

/** `names` are those of the options. UserError unless the days ascend. */
export function azurePeriod(
  { trainUntil, testFrom, testTo }: Omit<AzureData, 'dir'>,
  names: readonly [string, string, string] = ['--train-until', '--test-from', '--test-to'],
): AzurePeriod {
  if (!(trainUntil < testFrom && testFrom <= testTo))
    throw new UserError(`days must ascend: ${names[0]} before ${names[1]}, which is not after ${names[2]}`);
  return { trainUntilMs: trainUntil, testFromMs: testFrom, testToMs: testTo };
}
