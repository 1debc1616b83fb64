/** Judges the folds of a walk-forward backtest, each for itself and all of a seed together. */
import type { Baselines } from '../../backtest/baselines/fit-baselines.js';
import { walkingBaselines } from '../../backtest/baselines/walking.js';
import type { ReplayResult } from '../../backtest/replay.js';
import type { BacktestReport } from '../../backtest/report.js';
import { alertsUnder } from '../alert-sweep.js';
import { type BacktestOutcome, type Judging, judgeBacktest, judgeReport } from '../backtest.js';
import type { Period } from '../forecaster-records.js';
import type { FoldResult } from './fold.js';
import type { Fold } from './folds.js';

export interface WalkScores {
  readonly judgedCount: number;
  /** Judged rows whose machine failed within the horizon. */
  readonly failedCount: number;
  /** The networks first, then the baselines. */
  readonly forecasters: readonly {
    readonly name: string;
    readonly meanBrier: number | null;
    readonly skill: number | null;
    readonly concordance: number | null;
  }[];
}

export interface FoldScores extends WalkScores {
  readonly fold: Fold;
  readonly seed: number;
  /** Of the fold's network. */
  readonly version: string;
  readonly trainingMachineCount: number;
}

export interface SeedScores extends WalkScores {
  readonly seed: number;
}

export interface JudgedWalk {
  /** Of the first seed. */
  readonly backtest: BacktestOutcome;
  /** Seed by seed, in the order of time. */
  readonly folds: readonly FoldScores[];
  /** All folds of a seed together. */
  readonly seeds: readonly SeedScores[];
}

interface FoldOfSeed {
  readonly result: FoldResult;
  /** Fitted on what its network was trained on. */
  readonly baselines: Baselines;
}

export async function judgeWalk(
  shared: Omit<Judging, 'name' | 'baselines' | 'everything' | 'topic' | 'period'>,
  /** What reading the source has told, without forecasts and alerts. */
  read: ReplayResult,
  /** By seed, then in the order of time. */
  walks: readonly (readonly FoldOfSeed[])[],
): Promise<JudgedWalk> {
  const { deployment, signal } = shared;
  const types = [...deployment.types.values()];
  const judging = (folds: readonly FoldOfSeed[], name: string): Judging => {
    const partitionCount = deployment.config.log.partitions;
    // All have forecast from the same steps: by offset they stand as if one stage had changed its network from fold to fold.
    const topic = Array.from({ length: partitionCount }, (_, partition) =>
      folds.flatMap(({ result }) => result.partitions[partition] ?? []).sort((a, b) => a.offset - b.offset),
    );
    return {
      ...shared,
      name,
      baselines: walkingBaselines(
        folds.map(({ result, baselines }) => ({ fromMs: result.fold.fromMs, baselines })),
      ),
      everything: {
        ...read,
        forecasts: topic.flat().flatMap(({ record }) => (record.kind === 'forecast' ? [record] : [])),
        alerts: alertsUnder(deployment.config.alerts, types, topic),
      },
      topic,
      period: spanOf(folds.map(({ result }) => result.fold)),
    };
  };

  const folds: FoldScores[] = [];
  const seeds: SeedScores[] = [];
  let backtest: BacktestOutcome | undefined;
  for (const walk of walks) {
    for (const each of walk) {
      signal?.throwIfAborted();
      const { fold, seed, version, trainingMachineCount } = each.result;
      const { report } = await judgeReport(judging([each], version));
      folds.push({ fold, seed, version, trainingMachineCount, ...scoresOf(report) });
    }
    const together = judging(walk, 'walk-forward');
    backtest ??= await judgeBacktest(together);
    const { report } = seeds.length === 0 ? backtest : await judgeReport(together);
    seeds.push({ seed: walk[0]?.result.seed as number, ...scoresOf(report) });
  }
  return { backtest: backtest as BacktestOutcome, folds, seeds };
}

function spanOf(folds: readonly Fold[]): Period {
  return { fromMs: folds[0]?.fromMs as number, toMs: folds.at(-1)?.toMs as number };
}

function scoresOf({ rows, forecasters }: BacktestReport): WalkScores {
  return {
    judgedCount: rows.judgedCount,
    failedCount: rows.failedCount,
    forecasters: forecasters.map(({ name, meanBrier, skill, concordance }) => ({
      name,
      meanBrier,
      skill,
      concordance,
    })),
  };
}
