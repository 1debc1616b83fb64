/**
 * Cross-validation: every machine is judged by a network that has not seen it. Of the other folds' machines a part stops the training early, so that
 * nothing about the judged ones is used; whether machines have failed is spread evenly over the folds.
 */
import { fitMarginal } from '../../backtest/baselines/marginal.js';
import {
  type Interval,
  meanBrierInterval,
  meanBrierOf,
  poolErrors,
} from '../../backtest/metrics/bootstrap.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import type { TrainingConfig } from '../../model/config.js';
import { foldMachines } from '../../model/split.js';
import type { TrainingProgress } from '../../model/trained-network.js';
import { originsOf } from '../../model/windows.js';
import { judge } from './judge.js';
import { runTrial } from './trial.js';

export interface CrossValidation {
  readonly spec: FeatureSpec;
  readonly histories: readonly History[];
  readonly config: TrainingConfig;
  /** Of the folds and of the first training; repetitions count on from it. */
  readonly seed: number;
  readonly foldCount: number;
  /** How often all of it is done, with other folds and other first weights. */
  readonly repeatCount: number;
  readonly signal: AbortSignal;
  onProgress?(progress: {
    readonly run: number;
    readonly of: number;
    readonly training: TrainingProgress;
  }): void;
}

export interface FoldScore {
  readonly repeat: number;
  readonly fold: number;
  readonly machineCount: number;
  readonly meanBrier: number | null;
  readonly concordance: number | null;
  readonly marginalMeanBrier: number | null;
  readonly trainedMs: number;
}

export interface CrossValidated {
  readonly folds: readonly FoldScore[];
  /** Over all machines, per repetition: the spread that the draw alone makes. */
  readonly repeats: readonly (number | null)[];
  readonly meanBrier: number | null;
  /** 95 %, by bootstrap over machines. */
  readonly interval: Interval | null;
  readonly marginalMeanBrier: number | null;
  /** Standard deviation over the folds, all repetitions together: the spread over machines and draw. */
  readonly foldSd: number | null;
}

export async function crossValidate(request: CrossValidation): Promise<CrossValidated> {
  const { spec, histories, config, seed, foldCount, repeatCount, signal } = request;
  const scores: FoldScore[] = [];
  const own: Awaited<ReturnType<typeof runTrial>>['errors'][][] = [];
  const marginal: (typeof own)[number] = [];
  for (let repeat = 0; repeat < repeatCount; repeat++) {
    const folds = foldMachines(histories, foldCount, new Rng(seed + repeat));
    own.push([]);
    for (const [fold, judged] of folds.entries()) {
      const training = folds.filter((other) => other !== judged).flat();
      const origins = originsOf(judged);
      const trial = await runTrial({
        spec,
        training,
        judged: origins,
        config,
        seed: seed + repeat,
        signal,
        onProgress: (progress) =>
          request.onProgress?.({
            run: repeat * foldCount + fold,
            of: repeatCount * foldCount,
            training: progress,
          }),
      });
      const curve = fitMarginal(training, spec.horizonSteps);
      const base = await judge(origins, spec.horizonSteps, async () =>
        origins.map(({ history, step }) => curve.predict(history, step)),
      );
      own[repeat]?.push(trial.errors);
      marginal.push(base.errors);
      scores.push({
        repeat: repeat + 1,
        fold: fold + 1,
        machineCount: new Set(judged.map(({ machine }) => machine)).size,
        meanBrier: trial.meanBrier,
        concordance: trial.concordance,
        marginalMeanBrier: base.meanBrier,
        trainedMs: trial.trainedMs,
      });
    }
  }
  const errors = poolErrors(own.flat());
  return {
    folds: scores,
    repeats: own.map((parts) => meanBrierOf(poolErrors(parts))),
    meanBrier: meanBrierOf(errors),
    interval: meanBrierInterval(errors, new Rng(1)),
    marginalMeanBrier: meanBrierOf(poolErrors(marginal)),
    foldSd: deviation(scores.map(({ meanBrier }) => meanBrier)),
  };
}

/** Sample standard deviation; null below two values, or where one is unknown. */
export function deviation(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length < 2 || known.length < values.length) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (known.length - 1));
}
