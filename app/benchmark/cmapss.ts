/**
 * NASA's C-MAPSS as a benchmark: trains on one subset's run-to-failure engines, forecasts its cut-off test engines, and
 * scores networks, their ensemble and baselines on the same rows. Nothing of the test files is seen before the scores.
 */
import { fitAgeWeibull } from '../../backtest/baselines/age-weibull.js';
import type { Baseline } from '../../backtest/baselines/baseline.js';
import { fitMarginal } from '../../backtest/baselines/marginal.js';
import { fitSmoothedLinear } from '../../backtest/baselines/smoothed-linear.js';
import { wallClock } from '../../domain/clock.js';
import type { CmapssSubset } from '../../infra/files/cmapss.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { TrainingConfig } from '../../model/config.js';
import { writeEnsemble } from '../../model/ensemble-artifact.js';
import { openPredictor } from '../../model/predict.js';
import type { TrainingProgress } from '../../model/trained-network.js';
import { featureSpec } from '../../stream/features.js';
import { versionsFolder } from '../model-folder.js';
import { codeVersion, trainVersion } from '../training.js';
import { type CmapssFleet, type JudgedOrigin, readCmapssFleet } from './cmapss-fleet.js';
import { forecastOrigins, forecastWithBaseline } from './forecasters.js';
import { fitRegimeScaling } from './regime-scaling.js';
import { type BenchmarkScores, meanScores, scoreRows } from './scores.js';

export interface CmapssBenchmark {
  readonly dir: string;
  readonly subset: CmapssSubset;
  /** Networks with seeds 1..seedCount are trained and scored. */
  readonly seedCount: number;
  /** Networks in the ensemble, seeds 1..ensembleSize; 0: no ensemble. */
  readonly ensembleSize: number;
  readonly config: TrainingConfig;
  /** Folder that the networks are written to. */
  readonly modelDir: string;
  readonly signal?: AbortSignal;
  onProgress?(progress: BenchmarkProgress): void;
}

export type BenchmarkProgress =
  | { readonly phase: 'read' }
  | { readonly phase: 'score' }
  | {
      readonly phase: 'train';
      /** From 1. */
      readonly network: number;
      readonly of: number;
      readonly training: TrainingProgress;
    };

/** Everybody's scores on one choice of rows. */
export interface BenchmarkTable {
  /** What was scored, in a sentence. */
  readonly protocol: string;
  readonly rows: number;
  /** Means over the seeds. */
  readonly model: BenchmarkScores;
  readonly seeds: readonly BenchmarkScores[];
  readonly ensemble: BenchmarkScores | null;
  readonly baselines: Readonly<Record<string, BenchmarkScores>>;
}

export interface BenchmarkResult extends BenchmarkTable {
  readonly dataset: string;
  /** The same on every cycle of every test engine. */
  readonly allOrigins: BenchmarkTable;
  /** Versions of the networks, by seed, and of the ensemble. */
  readonly versions: { readonly seeds: readonly string[]; readonly ensemble: string | null };
  readonly seconds: number;
}

export async function benchmarkCmapss(request: CmapssBenchmark): Promise<BenchmarkResult> {
  const { subset, seedCount, ensembleSize, onProgress, signal } = request;
  const startedMs = wallClock.nowMs();
  onProgress?.({ phase: 'read' });
  const fleet = await readCmapssFleet(request.dir, subset, signal);
  const networks: { readonly version: string; readonly directory: string }[] = [];
  const networkCount = Math.max(seedCount, ensembleSize);
  for (let seed = 1; seed <= networkCount; seed++)
    networks.push(
      await trainVersion({
        type: fleet.type,
        histories: fleet.training,
        modelDir: request.modelDir,
        config: request.config,
        seed,
        onProgress: (training) => onProgress?.({ phase: 'train', network: seed, of: networkCount, training }),
        ...(signal ? { signal } : {}),
      }),
    );
  const ensemble =
    ensembleSize === 0
      ? undefined
      : await writeEnsemble(
          versionsFolder(request.modelDir, fleet.type.name),
          networks.slice(0, ensembleSize).map(({ directory }) => directory),
          codeVersion(),
        );

  onProgress?.({ phase: 'score' });
  const seeds = networks.slice(0, seedCount);
  const byDirectory = await scoreNetworks([...seeds, ...(ensemble ? [ensemble] : [])], fleet, signal);
  const baselines = scoreBaselines(fleet);
  const { horizonSteps } = fleet.type;
  const table = (which: 'last' | 'all', protocol: string): BenchmarkTable => {
    const scores = byDirectory.map((both) => both[which]);
    const own = scores.slice(0, seedCount);
    return {
      protocol,
      rows: which === 'last' ? fleet.lastOrigins.length : fleet.allOrigins.length,
      model: meanScores(own),
      seeds: own,
      ensemble: scores[seedCount] ?? null,
      baselines: Object.fromEntries(baselines.map(({ name, scores: both }) => [name, both[which]])),
    };
  };
  return {
    dataset: `C-MAPSS ${subset}`,
    ...table(
      'last',
      `trained on train_${subset}; the last cycle of every engine of test_${subset}, failure within days 1 to ${horizonSteps} after it, a cycle counted as a day`,
    ),
    allOrigins: table(
      'all',
      `trained on train_${subset}; every cycle of every engine of test_${subset}, failure within days 1 to ${horizonSteps} after it`,
    ),
    versions: { seeds: seeds.map(({ version }) => version), ensemble: ensemble?.version ?? null },
    seconds: (wallClock.nowMs() - startedMs) / 1000,
  };
}

/** Scores at the last origins and at all of them; the last ones are among all, so each is forecast once. */
interface BothScores {
  readonly last: BenchmarkScores;
  readonly all: BenchmarkScores;
}

async function scoreNetworks(
  networks: readonly { readonly directory: string }[],
  fleet: CmapssFleet,
  signal: AbortSignal | undefined,
): Promise<BothScores[]> {
  const engine = new OnnxEngine();
  try {
    const scores: BothScores[] = [];
    for (const { directory } of networks) {
      const predictor = await openPredictor(directory, engine, featureSpec(fleet.type));
      const rows = await forecastOrigins(predictor, fleet.allOrigins, signal);
      await predictor.close();
      scores.push(scoreBoth(fleet, rows));
    }
    return scores;
  } finally {
    await engine.close();
  }
}

function scoreBaselines(fleet: CmapssFleet): { readonly name: string; readonly scores: BothScores }[] {
  const { type, training, allOrigins } = fleet;
  const spec = featureSpec(type);
  const scaling = fitRegimeScaling(spec, training);
  const scaled: readonly JudgedOrigin[] = allOrigins.map((origin) => ({
    ...origin,
    history: scaling.apply(origin.history),
  }));
  const smoothed = () => fitSmoothedLinear(training.map(scaling.apply), scaling.spec);
  const fits: readonly (readonly [string, () => Baseline, readonly JudgedOrigin[]])[] = [
    ['marginal', () => fitMarginal(training, type.horizonSteps), allOrigins],
    ['weibull', () => fitAgeWeibull(training, spec), allOrigins],
    ['smoothing-linear', smoothed, scaled],
  ];
  return fits.map(([name, fit, origins]) => ({
    name,
    scores: scoreBoth(fleet, forecastWithBaseline(fit(), origins)),
  }));
}

/** `rows`: one per origin of `allOrigins`, in that order. */
function scoreBoth<Row extends Parameters<typeof scoreRows>[0][number]>(
  { type, allOrigins, lastOrigins }: CmapssFleet,
  rows: readonly Row[],
): BothScores {
  const isLast = new Set(lastOrigins);
  return {
    last: scoreRows(
      rows.filter((_, index) => isLast.has(allOrigins[index] as JudgedOrigin)),
      type.horizonSteps,
    ),
    all: scoreRows(rows, type.horizonSteps),
  };
}
