import { type Censoring, type Judged, type Outcomes, outcomesAt } from '../judged.js';

/** One bin of a reliability curve: among `count` rows with F in [low, high), what was said and what came. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean forecast and share that failed; null in an empty bin. */
  readonly meanForecast: number | null;
  readonly failedShare: number | null;
}

/**
 * Reliability curve at the end of day `day`: bins of equal width over [0, 1]; a probability on an edge belongs to
 * the upper bin, 1 to the last one. A calibrated forecast has meanForecast = failedShare in every bin.
 */
export function reliabilityAt(
  rows: readonly Judged[],
  day: number,
  censoring: Censoring,
  binCount = 10,
): ReliabilityBin[] {
  return reliabilityOf(outcomesAt(rows, day, censoring), binCount);
}

export function reliabilityOf({ probability, failed, weight }: Outcomes, binCount = 10): ReliabilityBin[] {
  const bins = Array.from({ length: binCount }, () => ({ count: 0, said: 0, came: 0 }));
  for (let i = 0; i < probability.length; i++) {
    const p = probability[i] as number;
    const bin = bins[Math.min(binCount - 1, Math.floor(p * binCount))] as (typeof bins)[number];
    const times = weight[i] as number;
    bin.count += times;
    bin.said += times * p;
    bin.came += times * (failed[i] as number);
  }
  return bins.map((bin, index) => ({
    low: index / binCount,
    high: (index + 1) / binCount,
    count: bin.count,
    meanForecast: bin.count === 0 ? null : bin.said / bin.count,
    failedShare: bin.count === 0 ? null : bin.came / bin.count,
  }));
}

/**
 * Expected calibration error at the end of day `day`: Σ_bins (count / N) |meanForecast − failedShare| over ten bins
 * of equal width. Source: Naeini, Cooper & Hauskrecht 2015. null when no row counts at that day.
 */
export function calibrationErrorAt(
  rows: readonly Judged[],
  day: number,
  censoring: Censoring,
): number | null {
  return calibrationErrorOf(outcomesAt(rows, day, censoring));
}

export function calibrationErrorOf(outcomes: Outcomes): number | null {
  let total = 0;
  let sum = 0;
  for (const bin of reliabilityOf(outcomes)) {
    if (bin.meanForecast === null || bin.failedShare === null) continue;
    total += bin.count;
    sum += bin.count * Math.abs(bin.meanForecast - bin.failedShare);
  }
  return total === 0 ? null : sum / total;
}
