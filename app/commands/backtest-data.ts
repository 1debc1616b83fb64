/** The data that `millwright backtest` and its probes read: what is judged, and what baselines are fitted on. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ReplayProgress } from '../../backtest/replay.js';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { BacktestSource } from '../backtest.js';
import type { Deployment } from '../config.js';
import { openLog } from '../open-log.js';
import { formatTime } from '../terminal/format.js';
import type { ProgressBar } from '../terminal/progress.js';
import type { Terminal } from '../terminal/terminal.js';
import { keepMachines, openDatasetFile } from './options.js';
import { readHistoriesOf, updateByTime } from './read-histories.js';

export interface DataOptions {
  readonly data?: string;
  readonly machines?: string;
  readonly baselineData?: string;
  readonly baselineMachines?: string;
  readonly type?: string;
}

export function withDataOptions(command: Command): Command {
  return withBaselineOptions(
    command
      .option(
        '--data <file>',
        'data-set file (YAML) to be judged on; default: what the log of the deployment has kept',
      )
      .option('--machines <ids>', 'only these machines of it'),
    'that of --data',
  );
}

export function withBaselineOptions(command: Command, otherwise: string): Command {
  return command
    .option(
      '--baseline-data <file>',
      `data-set file that the baselines are fitted on: what the network was trained on; default: ${otherwise}`,
    )
    .option('--baseline-machines <ids>', 'only these machines of it')
    .option('--type <name>', 'machine type, where there are several');
}

/** What the baselines are fitted on: the type's histories; never what is judged, as far as names can tell. */
export async function readFitOn(
  options: DataOptions,
  source: BacktestSource,
  { deployment, type, terminal }: { deployment: Deployment; type: MachineType; terminal: Terminal },
  signal: AbortSignal,
): Promise<readonly History[]> {
  const fitOn = await openFitOn(options, source);
  return (await readHistoriesOf(fitOn, deployment, terminal, signal)).get(type.name) ?? [];
}

async function openFitOn(options: DataOptions, source: BacktestSource): Promise<Dataset> {
  const file = options.baselineData ?? options.data;
  if (file === undefined)
    throw new UserError(
      'say what the baselines are fitted on: --baseline-data with the data set that the network was trained on',
    );
  const fitOn = keepMachines(await openDatasetFile(file), options.baselineMachines);
  if (source.kind === 'dataset' && resolve(file) === resolve(options.data ?? '')) {
    const judged = new Set(source.dataset.machines.map(({ machine }) => machine));
    const both = fitOn.machines.filter(({ machine }) => judged.has(machine));
    if (both.length > 0)
      throw new UserError(
        `${both[0]?.machine}${both.length > 1 ? ` and ${both.length - 1} others` : ''} would be judged and fitted on, which flatters the baselines: choose machines with --machines and others with --baseline-machines`,
      );
  }
  return fitOn;
}

/** The data set that is named, or the log of the deployment. The caller closes it. */
export async function openSource(
  options: { readonly data?: string | undefined; readonly machines?: string | undefined },
  { config }: Deployment,
): Promise<{ readonly name: string; readonly source: BacktestSource; close(): Promise<void> }> {
  if (options.data !== undefined) {
    const dataset = keepMachines(await openDatasetFile(options.data), options.machines);
    return { name: dataset.name, source: { kind: 'dataset', dataset }, close: async () => {} };
  }
  if (options.machines !== undefined)
    throw new UserError('--machines chooses from a data set: give --data too');
  const log = await openLog(config, 'read-only');
  return { name: `the log of ${config.plant.name}`, source: { kind: 'log', log }, close: () => log.close() };
}

/** How far a replay of the source has come. */
export function showReplay(bar: ProgressBar, source: BacktestSource): (progress: ReplayProgress) => void {
  return (progress) => {
    if (progress.phase === 'stage') bar.update(progress.doneCount, progress.totalCount, progress.stage);
    else if (source.kind === 'dataset') updateByTime(bar, source.dataset, progress.timeMs);
    else bar.update(0, 0, formatTime(progress.timeMs));
  };
}
