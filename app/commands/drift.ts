/** `millwright drift`: whether what comes is still like what the network was trained on. */
import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { readTopic } from '../../backtest/read-topic.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { curveOf, type ForecastRecord } from '../../domain/forecast.js';
import type { Log } from '../../domain/log.js';
import { type MachineType, timeZoneOf } from '../../domain/machine-type.js';
import { topics } from '../../domain/topics.js';
import { readReference } from '../../model/artifact.js';
import { makeReference, type Reference } from '../../model/reference.js';
import { featureSpec } from '../../stream/features.js';
import { type PeriodLength, periodLengths } from '../calendar-periods.js';
import { type Deployment, loadDeployment } from '../config.js';
import { findDrift } from '../drift.js';
import { driftAdvice, driftAlarms, formatDrift } from '../drift-text.js';
import { readHistories } from '../history.js';
import { modelInUse } from '../model-folder.js';
import { openLog } from '../open-log.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { printResult } from '../terminal/print-result.js';
import { makeTerminal, type Terminal } from '../terminal/terminal.js';
import { chooseType } from '../training.js';
import { configOption, jsonOption, keepMachines, openDatasetFile } from './options.js';
import { periodOf } from './period-options.js';
import { readHistoriesOf, tellNotes } from './read-histories.js';

interface DriftOptions {
  readonly config: string;
  readonly data?: string;
  readonly machines?: string;
  readonly model?: string;
  readonly referenceData?: string;
  readonly referenceMachines?: string;
  readonly from?: string;
  readonly to?: string;
  readonly by: PeriodLength;
  readonly type?: string;
  readonly json: boolean;
}

export function driftCommand(signal: AbortSignal): Command {
  return new Command('drift')
    .description('hold what comes against what the network was trained on: sensors, forecasts, failures')
    .addOption(configOption())
    .option('--data <file>', 'data-set file (YAML); default: what the log of the deployment has kept')
    .option('--machines <ids>', 'only these machines of it')
    .option('--model <folder>', 'network whose training it is held against; default: the one in use')
    .option(
      '--reference-data <file>',
      'data-set file that it is held against instead of what the network keeps',
    )
    .option('--reference-machines <ids>', 'only these machines of it')
    .option(
      '--from <day>',
      'only steps from this day on (of the plant), such as 2026-03-01; default: after the training',
    )
    .option('--to <day>', 'only steps up to the end of this day')
    .addOption(
      new Option('--by <length>', 'periods that are told apart').choices([...periodLengths]).default('month'),
    )
    .option('--type <name>', 'machine type, where there are several')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright drift -c plant.yaml
  millwright drift --by week --from 2026-03-01 --json
  millwright drift --data history.yaml

A plant that runs is asked while it runs.

Exit code: 0 nothing has changed beyond chance, 1 something has, 2 wrong usage, or nothing to look at.`,
    )
    .action(async (options: DriftOptions) => {
      const deployment = loadDeployment(options.config);
      const type = chooseType(deployment.types, options.type);
      const terminal = makeTerminal(process.stderr);
      const model = await chosenReference(options, deployment, type, terminal, signal);
      const { fromMs, toMs } = periodOf(options, type);
      const read = await readPlant(options, deployment, type, model.version, terminal, signal);
      const report = findDrift({
        spec: featureSpec(type),
        timeZone: timeZoneOf(type),
        ...read,
        reference: model.reference,
        // An origin is the end of its step: that of a day lies at its end.
        period: {
          fromMs: (options.from === undefined ? model.reference.lastMs : fromMs) + 1,
          toMs: toMs + 1,
        },
        by: options.by,
      });
      const alarms = driftAlarms(report);
      printResult(
        {
          json: { model: model.version, alarms, advice: driftAdvice(report), ...report },
          human: () => formatDrift(report),
        },
        options.json,
      );
      if (alarms.length > 0) process.exitCode = exitCodes.failed;
    });
}

interface ChosenReference {
  readonly reference: Reference;
  /** Network whose forecasts are looked at; null: of none. */
  readonly version: string | null;
}

async function chosenReference(
  options: DriftOptions,
  deployment: Deployment,
  type: MachineType,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ChosenReference> {
  if (options.referenceData !== undefined) {
    const dataset = keepMachines(await openDatasetFile(options.referenceData), options.referenceMachines);
    const histories = (await readHistoriesOf(dataset, deployment, terminal, signal)).get(type.name) ?? [];
    return { reference: makeReference(featureSpec(type), histories), version: null };
  }
  const folder = options.model ?? (await modelInUse(deployment.config.model.dir, type.name));
  const reference = await readReference(folder);
  if (reference) return { reference, version: basename(folder) };
  throw new UserError(
    `The network in ${folder} keeps no reference of its training: it was trained before Millwright kept one, or imported. Train it again, or name what it was trained on with --reference-data.`,
  );
}

interface Plant {
  readonly histories: readonly History[];
  readonly forecasts: readonly ForecastRecord[];
}

async function readPlant(
  options: DriftOptions,
  deployment: Deployment,
  type: MachineType,
  version: string | null,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Plant> {
  if (options.data !== undefined) {
    const dataset = keepMachines(await openDatasetFile(options.data), options.machines);
    const histories = (await readHistoriesOf(dataset, deployment, terminal, signal)).get(type.name) ?? [];
    tellNotes(terminal, ['a data set holds no forecasts: only sensors and failures are looked at']);
    return { histories, forecasts: [] };
  }
  const log = await openLog(deployment.config, 'read-only');
  try {
    const histories = (await readHistories(deployment, log)).get(type.name) ?? [];
    return { histories, forecasts: version === null ? [] : await readForecasts(log, type, version) };
  } finally {
    await log.close();
  }
}

/** Final ones of a network for failures, each in its newest revision. */
async function readForecasts(log: Log, type: MachineType, version: string): Promise<ForecastRecord[]> {
  const forecasts = new Map<string, ForecastRecord>();
  for await (const record of readTopic(log, topics.forecasts))
    if (
      record.kind === 'forecast' &&
      record.type === type.name &&
      record.model === version &&
      record.status === 'ok' &&
      curveOf(record) === 'failure'
    )
      forecasts.set(`${record.machine} ${record.originMs}`, record);
  return [...forecasts.values()];
}
