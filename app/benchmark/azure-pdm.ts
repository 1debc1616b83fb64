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
  request: BenchmarkRequest & { readonly period: AzurePeriod; readonly plan: 'known' | 'unknown' },
): Promise<BenchmarkResult> {
  const { period, plan, onProgress, signal } = request;
  const startedMs = wallClock.nowMs();
  onProgress?.({ phase: 'read' });
  const fleet = await readAzureFleet(request.dir, period, plan, signal);
  const { type, training, origins } = fleet;
  const networks = await trainNetworks(type, training, request);
  onProgress?.({ phase: 'score' });
  const forecasts: Forecasts = {
    ...(await forecastWithNetworks(networks, type, origins, signal)),
    baselines: forecastWithBaselines(fleet),
  };
  return {
    dataset: plan === 'known' ? 'Azure PdM, known plan' : 'Azure PdM',
    ...scoreTable(describeProtocol(fleet, period), forecasts, type.horizonSteps),
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

function describeProtocol(
  { type: { horizonSteps, plannedVisits } }: AzureFleet,
  { trainUntilMs, testFromMs, testToMs }: AzurePeriod,
): string {
  const day = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);
  const plan = plannedVisits
    ? `; the network knows the maintenance plan, a visit every ${plannedVisits.everySteps} days after the last one on record`
    : '';
  return `trained on days up to ${day(trainUntilMs)} with what was known when the test began; every machine at the end of each day from ${day(testFromMs)} to ${day(testToMs)}, failure within days 1 to ${horizonSteps} after it${plan}`;
}
