/** The figures of a benchmark, the same for every forecaster on the same rows. */
import type { Judged } from '../../backtest/judged.js';
import { brierAt, brierByDay, meanOverDays } from '../../backtest/metrics/brier.js';
import { calibrationErrorAt } from '../../backtest/metrics/calibration.js';
import { timeDependentConcordance } from '../../backtest/metrics/concordance.js';
import {
  capLives,
  type JudgedLife,
  nasaScore,
  rootMeanSquaredError,
} from '../../backtest/metrics/remaining-life.js';

/** Labels of remaining life beyond this many days count as this many (Heimes 2008): the field's convention. */
export const lifeCapDays = 125;

const brierDays = [1, 7, 14, 30] as const;
const calibrationDays = [7, 30] as const;

/** null where a score is undefined on the rows, such as a concordance without a failure. */
export interface BenchmarkScores {
  /** Mean Brier score over days 1..H. */
  readonly meanBrier: number | null;
  /** Time-dependent concordance. */
  readonly cTd: number | null;
  readonly brier: Readonly<Record<`${(typeof brierDays)[number]}`, number | null>>;
  /** Expected calibration error. */
  readonly ece: Readonly<Record<`${(typeof calibrationDays)[number]}`, number | null>>;
  /** Of the rows whose failure is on record. */
  readonly rul: {
    /** Root mean squared error in days, labels and answers cut at 125. */
    readonly rmseCapped: number | null;
    /** The same against the labels as they are. */
    readonly rmseRaw: number | null;
    /** NASA's score with labels and answers cut at 125, summed over the rows. */
    readonly nasaCapped: number | null;
  };
}

/** A row to be scored: the curve with its outcome, and remaining life as it was said and as it was (NaN: not known). */
export interface ScoredRow extends Judged, JudgedLife {}

export function scoreRows(rows: readonly ScoredRow[], horizonDays: number): BenchmarkScores {
  const lives = rows.filter(({ actualDays }) => !Number.isNaN(actualDays));
  const capped = capLives(lives, lifeCapDays);
  const brier = (day: number) => brierAt(rows, day, 'administrative');
  const ece = (day: number) => calibrationErrorAt(rows, day, 'administrative');
  return {
    meanBrier: meanOverDays(brierByDay(rows, horizonDays, 'administrative')),
    cTd: timeDependentConcordance(rows, horizonDays),
    brier: { 1: brier(1), 7: brier(7), 14: brier(14), 30: brier(30) },
    ece: { 7: ece(7), 30: ece(30) },
    rul: {
      rmseCapped: rootMeanSquaredError(capped),
      rmseRaw: rootMeanSquaredError(lives),
      nasaCapped: nasaScore(capped),
    },
  };
}

/** Each figure's mean over the seeds; null where one seed has none. */
export function meanScores(seeds: readonly BenchmarkScores[]): BenchmarkScores {
  const mean = (of: (scores: BenchmarkScores) => number | null) => meanOverDays(seeds.map(of));
  return {
    meanBrier: mean((scores) => scores.meanBrier),
    cTd: mean((scores) => scores.cTd),
    brier: {
      1: mean((scores) => scores.brier[1]),
      7: mean((scores) => scores.brier[7]),
      14: mean((scores) => scores.brier[14]),
      30: mean((scores) => scores.brier[30]),
    },
    ece: { 7: mean((scores) => scores.ece[7]), 30: mean((scores) => scores.ece[30]) },
    rul: {
      rmseCapped: mean((scores) => scores.rul.rmseCapped),
      rmseRaw: mean((scores) => scores.rul.rmseRaw),
      nasaCapped: mean((scores) => scores.rul.nasaCapped),
    },
  };
}
