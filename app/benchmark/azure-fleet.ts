/**
 * The machines of Microsoft's "Azure AI Predictive Maintenance" data, as the live stages show them: files -> messages ->
 * ingest -> steps -> histories. Histories for training are cut in time, as they were known when the test began; the
 * test's origins are rows of the whole histories, of which a forecast reads no later row.
 */
import { resolve } from 'node:path';
import { outcomeAt } from '../../backtest/observation.js';
import { assert } from '../../domain/assert.js';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';
import { readCsv } from '../../infra/files/csv.js';
import { type CsvConfig, datasetSchema } from '../../infra/files/dataset-config.js';
import { findDataFile } from '../../infra/files/open-text.js';
import { knownAt } from '../../model/known-at.js';
import { featureSpec } from '../../stream/features.js';
import { makeStepCalendar } from '../../stream/step-calendar.js';
import type { Deployment } from '../config.js';
import { loadYaml } from '../config-file.js';
import { observe, stepsOf } from '../fates.js';
import { buildHistories } from '../history.js';
import { benchDeployment, packageFile } from './deployment.js';
import type { JudgedOrigin } from './forecasters.js';
import { visitCadence } from './visit-cadence.js';

const typeFile = packageFile('data/azure-pdm/machine.yaml');
const tablesFile = packageFile('data/azure-pdm/tables.yaml');
const dayMs = 86_400_000;

/** Days as the file telemetry_daily.csv names them; ms of their start. */
export interface AzurePeriod {
  /** Last day whose row is trained on. What happened from `testFromMs` on is not known in training. */
  readonly trainUntilMs: number;
  readonly testFromMs: number;
  /** Last day at whose end a forecast is judged. */
  readonly testToMs: number;
}

export interface AzureFleet {
  readonly type: MachineType;
  /** A deployment of that type, for its history to pass through. */
  readonly deployment: Deployment;
  /** All of what the files hold. */
  readonly dataset: Dataset;
  readonly training: readonly History[];
  /** Machine by machine, day by day. */
  readonly origins: readonly JudgedOrigin[];
}

/**
 * `plan: known`: the type's plannedVisits are the commonest time between two visits in the days of training, carried on from
 * each machine's last visit. What the file of maintenance holds later is not looked at: repairs after failures are in it.
 */
export async function readAzureFleet(
  dir: string,
  period: AzurePeriod,
  plan: 'known' | 'unknown',
  signal?: AbortSignal,
): Promise<AzureFleet> {
  const type = loadYaml(typeFile, machineTypeSchema);
  const dataset = await readCsv(tablesIn(dir), dir);
  const attributes = new Map(dataset.machines.map(({ machine, attributes: own }) => [machine, own]));
  const deployment = benchDeployment(typeFile, type, attributes);
  const histories = (await buildHistories(deployment, dataset, signal)).get(type.name) ?? [];
  const byMachine = new Map(histories.map((history) => [history.machine, history]));
  assert(byMachine.size === histories.length, 'one history per machine');
  const calendar = makeStepCalendar(type.step);
  const steps = stepsOf(calendar);
  const origins = dataset.machines.flatMap((record): JudgedOrigin[] => {
    const history = byMachine.get(record.machine);
    if (!history) return [];
    const observation = observe(record, calendar);
    return rowsWithin(history, period.testFromMs, period.testToMs).map((step) => {
      const originMs = history.originsMs[step] as number;
      const failureMs = record.failuresMs.find((timeMs) => timeMs >= originMs);
      return {
        history,
        step,
        outcome: outcomeAt(observation, originMs, type.horizonSteps, steps),
        remainingDays: failureMs === undefined ? Number.NaN : steps.count(originMs, failureMs) + 1,
      };
    });
  });
  const training = histories
    .map((history) => knownAt(history, period.testFromMs, period.trainUntilMs + dayMs))
    .filter(({ stepCount }) => stepCount > 0);
  if (training.length === 0 || origins.length === 0)
    throw new UserError(
      `${dir} has ${training.length} machines up to the last day of training and ${origins.length} rows in the test period; choose days that telemetry_daily.csv has`,
    );
  const planned = () => ({ plannedVisits: { everySteps: visitCadence(featureSpec(type), training) } });
  const judgedType = plan === 'known' ? { ...type, ...planned() } : type;
  return {
    type: judgedType,
    deployment: benchDeployment(typeFile, judgedType, attributes),
    dataset,
    training,
    origins,
  };
}

/** The tables with the names that they have in a folder, plain or .gz. */
function tablesIn(dir: string): CsvConfig {
  const tables = loadYaml(tablesFile, datasetSchema);
  assert(tables.kind === 'csv' && tables.machines !== undefined, `tables of CSV files in ${tablesFile}`);
  const found = <T extends { readonly file: string }>(table: T): T => ({
    ...table,
    file: resolve(findDataFile(`${dir}/${table.file}`)),
  });
  return {
    ...tables,
    readings: tables.readings.map(found),
    events: tables.events.map(found),
    machines: found(tables.machines),
  };
}

/** Rows of the days from `fromMs` to `toMs`, both included. */
function rowsWithin({ originsMs }: History, fromMs: number, toMs: number): number[] {
  return [...originsMs.keys()].filter((row) => {
    const startMs = (originsMs[row] as number) - dayMs;
    return startMs >= fromMs && startMs <= toMs;
  });
}
