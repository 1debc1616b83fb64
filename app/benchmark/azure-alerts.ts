/** Alerts on Microsoft's Azure predictive-maintenance fleet: rules chosen on some days, judged on later ones. */
import type { AlertBounds } from '../../backtest/alert-score.js';
import type { Dataset } from '../../domain/dataset.js';
import {
  type AlertBenchmarkRequest,
  type AlertBenchmarkResult,
  type AlertTrial,
  benchmarkAlerts,
} from './alert-benchmark.js';
import { type AzurePeriod, readAzureFleet } from './azure-fleet.js';

const dayMs = 86_400_000;

export async function benchmarkAzureAlerts(
  request: AlertBenchmarkRequest & {
    /** Its days lie before those of the test. */
    readonly choice: AzurePeriod;
    readonly test: AzurePeriod;
    readonly bounds: AlertBounds;
    readonly plan: 'known' | 'unknown';
  },
): Promise<AlertBenchmarkResult> {
  const { dir, choice, test, bounds, plan, onProgress, signal } = request;
  onProgress?.({ phase: 'read' });
  const trial = async (period: AzurePeriod, knownUntilMs: number): Promise<AlertTrial> => {
    const { training, dataset, deployment, type, origins } = await readAzureFleet(dir, period, plan, signal);
    const day = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);
    return {
      deployment,
      type,
      training,
      dataset: datasetKnownAt(dataset, knownUntilMs),
      period: { fromMs: period.testFromMs + dayMs, toMs: period.testToMs + dayMs },
      bounds,
      protocol: `trained on days up to ${day(period.trainUntilMs)}; ${new Set(origins.map(({ history }) => history.machine)).size} machines at the end of each day from ${day(period.testFromMs)} to ${day(period.testToMs)}`,
    };
  };
  return benchmarkAlerts(
    plan === 'known' ? 'Azure PdM, known plan' : 'Azure PdM',
    // Whoever chooses does so when the test begins, and knows of no failure after that.
    await trial(choice, test.testFromMs),
    await trial(test, Number.POSITIVE_INFINITY),
    { ...request, withinDays: [7, 14, 30] },
  );
}

/** A data set as it was known at a time. */
function datasetKnownAt(dataset: Dataset, timeMs: number): Dataset {
  if (timeMs === Number.POSITIVE_INFINITY) return dataset;
  return {
    ...dataset,
    machines: dataset.machines
      .filter(({ firstMs }) => firstMs < timeMs)
      .map((record) => ({
        ...record,
        lastMs: Math.min(record.lastMs, timeMs - 1),
        knownUntilMs: Math.min(record.knownUntilMs, timeMs),
        failuresMs: record.failuresMs.filter((failureMs) => failureMs < timeMs),
      })),
    async *records() {
      for await (const record of dataset.records()) {
        if (record.timeMs >= timeMs) return;
        yield record;
      }
    },
  };
}
