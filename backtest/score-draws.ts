/** Every score of the report on machines drawn again and again: what its intervals, and those of skill, are made from. */
import { Rng } from '../domain/rng.js';
import { outcomesAt, ranked } from './judged.js';
import { drawMachines, machineErrors, meanBrierOf } from './metrics/bootstrap.js';
import { brierOf } from './metrics/brier.js';
import { decomposeBrier } from './metrics/brier-decomposition.js';
import { calibrationErrorOf } from './metrics/calibration.js';
import { rankForConcordance } from './metrics/concordance.js';
import { addToHistogram, dCalibrationOf, survivalBins } from './metrics/d-calibration.js';
import { logLossOf } from './metrics/log-loss.js';
import { aurocOf, averagePrecisionOf, tiesOf } from './metrics/ranking.js';
import type { JudgedForecast } from './rows.js';

/** The same draws for every forecaster on the same machines: their scores pair up, draw by draw. */
export const bootstrapSeed = 1;

/** 500, fewer where there are so many rows that it would take minutes; never below 100. */
export function drawCountFor(rowCount: number): number {
  return Math.max(100, Math.min(500, Math.floor(1e6 / Math.max(1, rowCount))));
}

/** Scores at one day that have an interval. */
export const intervalScores = [
  'brier',
  'reliability',
  'resolution',
  'uncertainty',
  'logLoss',
  'averagePrecision',
  'auroc',
  'calibrationError',
] as const;
export type IntervalScore = (typeof intervalScores)[number];
export type DayDraw = Readonly<Record<IntervalScore, number | null>>;

export interface ScoreDraw {
  readonly meanBrier: number | null;
  readonly concordance: number | null;
  /** The statistic. */
  readonly dCalibration: number | null;
  /** One per day asked for. */
  readonly days: readonly DayDraw[];
}

/** `days` in 1..H. No draw below two machines. The rows of one machine are not independent: whole machines are drawn. */
export function drawScores(
  rows: readonly JudgedForecast[],
  horizonDays: number,
  days: readonly number[],
): ScoreDraw[] {
  const errors = machineErrors(rows, horizonDays);
  const machines = Object.keys(errors).sort();
  const scoreDays = days.map((day) => prepareDay(rows, day));
  const concordance = rankForConcordance(rows, horizonDays);
  const dCalibration = prepareDCalibration(rows);
  const placeOf = new Map(machines.map((machine, place) => [machine, place]));
  const machineOfRow = Int32Array.from(rows, ({ machine }) => placeOf.get(machine) as number);
  const ofRow = new Float64Array(rows.length);
  return drawMachines(machines, new Rng(bootstrapSeed), drawCountFor(rows.length)).map((drawn) => {
    const times = new Float64Array(machines.length);
    for (const machine of drawn) {
      const place = placeOf.get(machine) as number;
      times[place] = (times[place] as number) + 1;
    }
    machineOfRow.forEach((place, row) => {
      ofRow[row] = times[place] as number;
    });
    return {
      meanBrier: meanBrierOf(errors, drawn),
      concordance: concordance(ofRow),
      dCalibration: dCalibration(drawn),
      days: scoreDays.map((score) => score(ofRow)),
    };
  });
}

/** Ranks the rows of a day once, for any weights. */
function prepareDay(rows: readonly JudgedForecast[], day: number): (ofRow: Float64Array) => DayDraw {
  const outcomes = ranked(outcomesAt(rows, day, 'administrative'));
  return (ofRow) => {
    outcomes.row.forEach((row, index) => {
      outcomes.weight[index] = ofRow[row] as number;
    });
    const ties = tiesOf(outcomes);
    const parts = decomposeBrier(ties);
    return {
      brier: brierOf(outcomes),
      reliability: parts?.reliability ?? null,
      resolution: parts?.resolution ?? null,
      uncertainty: parts?.uncertainty ?? null,
      logLoss: logLossOf(outcomes),
      averagePrecision: averagePrecisionOf(ties),
      auroc: aurocOf(ties),
      calibrationError: calibrationErrorOf(outcomes),
    };
  };
}

/** Counts the rows of each machine once. */
function prepareDCalibration(rows: readonly JudgedForecast[]): (drawn: readonly string[]) => number | null {
  const byMachine = new Map<string, number[]>();
  for (const row of rows) {
    const histogram = byMachine.get(row.machine) ?? new Array<number>(survivalBins).fill(0);
    addToHistogram(row, histogram);
    byMachine.set(row.machine, histogram);
  }
  return (drawn) => {
    const sum = new Array<number>(survivalBins).fill(0);
    for (const machine of drawn)
      byMachine.get(machine)?.forEach((count, bin) => {
        sum[bin] = (sum[bin] as number) + count;
      });
    return dCalibrationOf(sum)?.statistic ?? null;
  };
}
