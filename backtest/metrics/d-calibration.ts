import type { Judged } from '../judged.js';
import { chiSquareTail } from './chi-square.js';

/** Bins of the survival probability, of equal width over [0, 1]. */
export const survivalBins = 10;

export interface DCalibration {
  /** [10] Rows by the survival probability that was said at their failure: bins [0, 0.1), … [0.9, 1]. Flat is calibrated. */
  readonly histogram: readonly number[];
  /** χ² of the histogram against a flat one. */
  readonly statistic: number;
  /**
   * Probability of a statistic this great, were the curves calibrated and the rows independent; forecasts of one machine on
   * consecutive days are not, so with several rows of a machine it is too small.
   */
  readonly pValue: number;
}

/**
 * D-calibration: of calibrated curves, the survival probability S = 1 − F at the failure is uniform in [0, 1]. A failure on day t
 * counts at S(t). A row censored at the end of day c failed somewhere below S(c): it is spread over [0, S(c)] evenly, to
 * the bins in proportion; so is one that survives the horizon.
 * Source: Haider, Hoehn, Davis & Greiner 2020, "Effective ways to build and evaluate individual survival distributions", JMLR
 * 21(85); as SurvivalEVAL counts. null without rows.
 */
export function dCalibration(rows: readonly Judged[]): DCalibration | null {
  const histogram = new Array<number>(survivalBins).fill(0);
  for (const row of rows) addToHistogram(row, histogram);
  return dCalibrationOf(histogram);
}

export function addToHistogram({ probabilities, eventDay, knownDays }: Judged, histogram: number[]): void {
  const day = eventDay > 0 ? eventDay : knownDays;
  const survival = day === 0 ? 1 : 1 - (probabilities[day - 1] as number);
  const last = Math.min(survivalBins - 1, Math.floor(survival * survivalBins));
  const add = (bin: number, share: number) => {
    histogram[bin] = (histogram[bin] as number) + share;
  };
  if (eventDay > 0 || survival === 0) {
    add(last, 1);
    return;
  }
  for (let bin = 0; bin < last; bin++) add(bin, 1 / survivalBins / survival);
  add(last, (survival - last / survivalBins) / survival);
}

export function dCalibrationOf(histogram: readonly number[]): DCalibration | null {
  const expected = histogram.reduce((sum, count) => sum + count, 0) / survivalBins;
  if (expected === 0) return null;
  const statistic = histogram.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return { histogram, statistic, pValue: chiSquareTail(statistic, survivalBins - 1) };
}
