/** Alerts on NASA's C-MAPSS engines: rules chosen on training engines that were left out, judged on the test engines. */
import type { AlertBounds } from '../../backtest/alert-score.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';
import { type CmapssSubset, readCmapss } from '../../infra/files/cmapss.js';
import { loadYaml } from '../config-file.js';
import { buildHistories } from '../history.js';
import {
  type AlertBenchmarkRequest,
  type AlertBenchmarkResult,
  type AlertTrial,
  benchmarkAlerts,
} from './alert-benchmark.js';
import { cmapssTypeFile } from './cmapss-fleet.js';
import { benchDeployment } from './deployment.js';

/** One training engine in so many is left out to choose rules on. */
const choiceEvery = 5;

/**
 * The test engines' records end before they fail. A failure within claimDays of a record's end counts: an alert ought to stand at
 * that end (so rules speak of claimDays), and its failure is missed without one, though one might still have come. Later failures do not count as failures, but
 * tell whether an alert was true.
 */
export async function benchmarkCmapssAlerts(
  request: AlertBenchmarkRequest & { readonly subset: CmapssSubset; readonly bounds: AlertBounds },
): Promise<AlertBenchmarkResult> {
  const { dir, subset, bounds, onProgress, signal } = request;
  onProgress?.({ phase: 'read' });
  const type: MachineType = loadYaml(cmapssTypeFile, machineTypeSchema);
  const deployment = benchDeployment(cmapssTypeFile, type);
  const training = await readCmapss({ dir, subset, part: 'train' });
  const testSet = await readCmapss({ dir, subset, part: 'test' });
  const histories = (await buildHistories(deployment, training, signal)).get(type.name) ?? [];
  const leftOut = training.machines.flatMap(({ machine }, index) =>
    index % choiceEvery === choiceEvery - 1 ? [machine] : [],
  );
  const choiceSet = await readCmapss({
    dir,
    subset,
    part: 'train',
    units: training.machines.flatMap((_, index) =>
      index % choiceEvery === choiceEvery - 1 ? [index + 1] : [],
    ),
  });
  const outside = new Set(leftOut);
  const choice: AlertTrial = {
    deployment,
    type,
    training: histories.filter(({ machine }) => !outside.has(machine)),
    dataset: choiceSet,
    bounds,
    protocol: `trained on four fifths of the engines of train_${subset}; every cycle of the other ${leftOut.length}, to their failures, a cycle counted as a day`,
  };
  const test: AlertTrial = {
    deployment,
    type,
    training: histories,
    dataset: testSet,
    bounds: { ...bounds, dueWithinDays: bounds.claimDays },
    protocol: `trained on all engines of train_${subset}; every cycle of the ${testSet.machines.length} engines of test_${subset}, whose records end before their failures: those within ${bounds.claimDays} cycles of the end count`,
  };
  return benchmarkAlerts(`C-MAPSS ${subset}`, choice, test, {
    ...request,
    withinDays: [bounds.claimDays],
  });
}
