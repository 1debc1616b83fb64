/**
 * NASA's C-MAPSS as a benchmark: trains on one subset's run-to-failure engines, forecasts its cut-off test engines, and
 * scores networks, their ensemble and baselines on the same rows. Nothing of the test files is seen before the scores.
 */
import { fitAgeWeibull } from '../../backtest/baselines/age-weibull.js';
import { fitMarginal } from '../../backtest/baselines/marginal.js';
import { fitRegimeScaling } from '../../backtest/baselines/regime-scaling.js';
import { fitSmoothedLinear } from '../../backtest/baselines/smoothed-linear.js';
import { wallClock } from '../../domain/clock.js';
import type { CmapssSubset } from '../../infra/files/cmapss.js';
import { featureSpec } from '../../stream/features.js';
import { type CmapssFleet, readCmapssFleet } from './cmapss-fleet.js';
import { packageFile } from './deployment.js';
import { forecastWithBaseline, type JudgedOrigin } from './forecasters.js';
import { type BenchmarkRequest, forecastWithNetworks, trainNetworks, versionsOf } from './networks.js';
import { type BenchmarkResult, type Forecasts, scoreTable } from './result.js';

/** Training settings that were chosen on training engines of it. */
export const cmapssTrainingFile = packageFile('data/cmapss/training.yaml');

export async function benchmarkCmapss(
  request: BenchmarkRequest & { readonly subset: CmapssSubset },
): Promise<BenchmarkResult> {
  const { subset, onProgress, signal } = request;
  const startedMs = wallClock.nowMs();
  onProgress?.({ phase: 'read' });
  const fleet = await readCmapssFleet(request.dir, subset, signal);
  const { type, allOrigins, lastOrigins } = fleet;
  const networks = await trainNetworks(type, fleet.training, request);
  onProgress?.({ phase: 'score' });
  // The last origins are among all of them, so each is forecast once.
  const forecasts: Forecasts = {
    ...(await forecastWithNetworks(networks, type, allOrigins, signal)),
    baselines: forecastWithBaselines(fleet),
  };
  const { horizonSteps } = type;
  const isLast = new Set(lastOrigins);
  const days = `failure within days 1 to ${horizonSteps} after it`;
  return {
    dataset: `C-MAPSS ${subset}`,
    ...scoreTable(
      `trained on train_${subset}; the last cycle of every engine of test_${subset}, ${days}, a cycle counted as a day`,
      forecasts,
      horizonSteps,
      (index) => isLast.has(allOrigins[index] as JudgedOrigin),
    ),
    allOrigins: scoreTable(
      `trained on train_${subset}; every cycle of every engine of test_${subset}, ${days}`,
      forecasts,
      horizonSteps,
    ),
    versions: versionsOf(networks),
    seconds: (wallClock.nowMs() - startedMs) / 1000,
  };
}

function forecastWithBaselines({ type, training, allOrigins }: CmapssFleet): Forecasts['baselines'] {
  const spec = featureSpec(type);
  const scaling = fitRegimeScaling(spec, training);
  const scaled: readonly JudgedOrigin[] = allOrigins.map((origin) => ({
    ...origin,
    history: scaling.apply(origin.history),
  }));
  return {
    marginal: forecastWithBaseline(fitMarginal(training, type.horizonSteps), allOrigins),
    weibull: forecastWithBaseline(fitAgeWeibull(training, spec), allOrigins),
    'smoothing-linear': forecastWithBaseline(
      fitSmoothedLinear(training.map(scaling.apply), scaling.spec),
      scaled,
    ),
  };
}
