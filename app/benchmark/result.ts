/** What a benchmark gives: the same figures for networks, their ensemble and baselines, on the same rows. */
import type { TrainingProgress } from '../../model/trained-network.js';
import { type BenchmarkScores, meanScores, type ScoredRow, scoreRows } from './scores.js';

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
  /** C-MAPSS: the same on every cycle of every test engine. */
  readonly allOrigins?: BenchmarkTable;
  /** Versions of the networks, by seed, and of the ensemble. */
  readonly versions: { readonly seeds: readonly string[]; readonly ensemble: string | null };
  readonly seconds: number;
}

/** What everybody said at the same origins. */
export interface Forecasts {
  /** By seed. */
  readonly seeds: readonly (readonly ScoredRow[])[];
  readonly ensemble: readonly ScoredRow[] | null;
  readonly baselines: Readonly<Record<string, readonly ScoredRow[]>>;
}

/** Scores of the forecasts at the origins that are chosen, by their place. */
export function scoreTable(
  protocol: string,
  { seeds, ensemble, baselines }: Forecasts,
  horizonDays: number,
  chosen: (index: number) => boolean = () => true,
): BenchmarkTable {
  const score = (rows: readonly ScoredRow[]) =>
    scoreRows(
      rows.filter((_, index) => chosen(index)),
      horizonDays,
    );
  const own = seeds.map(score);
  return {
    protocol,
    rows: (seeds[0] ?? []).filter((_, index) => chosen(index)).length,
    model: meanScores(own),
    seeds: own,
    ensemble: ensemble && score(ensemble),
    baselines: Object.fromEntries(Object.entries(baselines).map(([name, rows]) => [name, score(rows)])),
  };
}
