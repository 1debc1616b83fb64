/**
 * The engines of one C-MAPSS subset, as the live stages show them: files -> messages -> ingest -> steps -> histories,
 * the path of `millwright train`. Training engines with their labels, test engines with every origin and what
 * came of it.
 */
import { outcomeAt } from '../../backtest/observation.js';
import { assert } from '../../domain/assert.js';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';
import { type CmapssSubset, readCmapss } from '../../infra/files/cmapss.js';
import { makeStepCalendar } from '../../stream/step-calendar.js';
import { loadYaml } from '../config-file.js';
import { observe, stepsOf } from '../fates.js';
import { buildHistories } from '../history.js';
import { benchDeployment, packageFile } from './deployment.js';
import type { JudgedOrigin } from './forecasters.js';

export const cmapssTypeFile = packageFile('data/cmapss/turbofan.yaml');

export interface CmapssFleet {
  readonly type: MachineType;
  readonly training: readonly History[];
  /** Every cycle of every test engine, engine by engine. */
  readonly allOrigins: readonly JudgedOrigin[];
  /** The last cycle of every test engine: NASA's test protocol. */
  readonly lastOrigins: readonly JudgedOrigin[];
}

export async function readCmapssFleet(
  dir: string,
  subset: CmapssSubset,
  signal?: AbortSignal,
): Promise<CmapssFleet> {
  const type = loadYaml(cmapssTypeFile, machineTypeSchema);
  const deployment = benchDeployment(cmapssTypeFile, type);
  const histories = async (dataset: Dataset) =>
    (await buildHistories(deployment, dataset, signal)).get(type.name) ?? [];
  // Both parts are read first: a missing file should tell before the work, not after it.
  const trainingSet = await readCmapss({ dir, subset, part: 'train' });
  const testSet = await readCmapss({ dir, subset, part: 'test' });
  const training = await histories(trainingSet);
  const perEngine = originsOfEngines(testSet, await histories(testSet), type);
  return {
    type,
    training,
    allOrigins: perEngine.flat(),
    lastOrigins: perEngine.map((origins) => origins.at(-1) as JudgedOrigin),
  };
}

/** [engine][cycle]. An engine that lost cycles on its way through the stages is an error: none may be dropped. */
function originsOfEngines(
  dataset: Dataset,
  histories: readonly History[],
  type: MachineType,
): JudgedOrigin[][] {
  const calendar = makeStepCalendar(type.step);
  const steps = stepsOf(calendar);
  const byMachine = new Map(histories.map((history) => [history.machine, history]));
  assert(byMachine.size === histories.length, 'one life per engine');
  return dataset.machines.map((record) => {
    const history = byMachine.get(record.machine);
    const firstMs = calendar.stepAt(record.firstMs).startMs;
    const endMs = calendar.stepAt(record.lastMs).endMs;
    const wanted = steps.count(firstMs, endMs);
    // Later rows are the silence after the file's end, not the engine's own.
    const found = history ? history.originsMs.filter((originMs) => originMs <= endMs).length : 0;
    if (!history || found !== wanted)
      throw new UserError(
        `${dataset.name}: ${record.machine} has ${wanted} cycles in the file, ${found} after ingest; check its values against the ranges in ${cmapssTypeFile}`,
      );
    const observation = observe(record, calendar);
    const [failureMs] = record.failuresMs;
    assert(failureMs !== undefined, 'a known failure of every engine');
    return Array.from({ length: found }, (_, step): JudgedOrigin => {
      const originMs = history.originsMs[step] as number;
      const outcome = outcomeAt(observation, originMs, type.horizonSteps, steps);
      return { history, step, outcome, remainingDays: steps.count(originMs, failureMs) + 1 };
    });
  });
}
