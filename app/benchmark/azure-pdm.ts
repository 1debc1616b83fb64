/**
 * Microsoft's Azure predictive-maintenance data as a benchmark: trains on the fleet's first months, forecasts the same
 * machines in later days, and scores networks, their ensemble and baselines on the same rows.
 */
import { fitAgeWeibull } from '../../backtest/baselines/age-weibull.js';
import type { Baseline } from '../../backtest/baselines/baseline.js';
import { fitMarginal } from '../../backtest/baselines/marginal.js';
import { fitPersonPeriod } from '../../backtest/baselines/person-period.js';
import { fitSmoothedLinear } from '../../backtest/baselines/smoothed-linear.js';
import { wallClock } from '../../domain/clock.js';
import { featureSpec } from '../../stream/features.js';
import { type AzureFleet, type AzurePeriod, readAzureFleet } from './azure-fleet.js';
import { packageFile } from './deployment.js';
import { forecastWithBaseline } from './forecasters.js';
import { type BenchmarkRequest, forecastWithNetworks, trainNetworks, versionsOf } from './networks.js';
import { type BenchmarkResult, type Forecasts, scoreTable } from './result.js';

/** Training settings that were chosen on its first months. */
export const azureTrainingFile = packageFile('data/azure-pdm/training.yaml');

export async function benchmarkAzurePdm(
  request: BenchmarkRequest & { readonly period: AzurePeriod },
): Promise<BenchmarkResult> {
  const { period, onProgress, signal } = request;
  const startedMs = wallClock.nowMs();
  onProgress?.({ phase: 'read' });
  const fleet = await readAzureFleet(request.dir, period, signal);
  const { type, training, origins } = fleet;
  const networks = await trainNetworks(type, training, request);
  onProgress?.({ phase: 'score' });
  const forecasts: Forecasts = {
    ...(await forecastWithNetworks(networks, type, origins, signal)),
    baselines: forecastWithBaselines(fleet),
  };
  return {
    dataset: 'Azure PdM',
    ...scoreTable(describeProtocol(period, type.horizonSteps), forecasts, type.horizonSteps),
    versions: versionsOf(networks),
    seconds: (wallClock.nowMs() - startedMs) / 1000,
  };
}

function forecastWithBaselines({ type, training, origins }: AzureFleet): Forecasts['baselines'] {
  const spec = featureSpec(type);
  const baselines: Readonly<Record<string, Baseline>> = {
    marginal: fitMarginal(training, type.horizonSteps),
    weibull: fitAgeWeibull(training, spec),
    'smoothing-linear': fitSmoothedLinear(training, spec),
    logistic: fitPersonPeriod(training, spec),
  };
  return Object.fromEntries(
    Object.entries(baselines).map(([name, baseline]) => [name, forecastWithBaseline(baseline, origins)]),
  );
}

function describeProtocol({ trainUntilMs, testFromMs, testToMs }: AzurePeriod, horizonSteps: number): string {
  const day = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);
  return `trained on days up to ${day(trainUntilMs)} with what was known when the test began; every machine at the end of each day from ${day(testFromMs)} to ${day(testToMs)}, failure within days 1 to ${horizonSteps} after it`;
}
