/**
 * Scores of remaining useful life, in steps ("days", cycles). Published figures on C-MAPSS cut the labels at 125,
 * which changes them by a factor: whoever reports one must say which.
 */
import { assert } from '../../domain/assert.js';

/** What was said and what came, in days; `actualDays` may be cut at a cap, and then `saidDays` too. */
export interface JudgedLife {
  readonly saidDays: number;
  readonly actualDays: number;
}

/** The same rows with both sides cut at `capDays`. */
export function capLives(rows: readonly JudgedLife[], capDays: number): JudgedLife[] {
  return rows.map(({ saidDays, actualDays }) => ({
    saidDays: Math.min(saidDays, capDays),
    actualDays: Math.min(actualDays, capDays),
  }));
}

/** √ mean (said − actual)². null without rows. */
export function rootMeanSquaredError(rows: readonly JudgedLife[]): number | null {
  if (rows.length === 0) return null;
  const sum = rows.reduce((total, { saidDays, actualDays }) => total + (saidDays - actualDays) ** 2, 0);
  return Math.sqrt(sum / rows.length);
}

/**
 * NASA's score, a sum over the rows: e^(−d/13) − 1 for a failure foretold too early (d = said − actual < 0), e^(d/10) − 1
 * for one too late. 0 is perfect; a late forecast costs more, and one wild row owns the sum.
 * Source: Saxena, Goebel, Simon & Eklund 2008 (PHM08), equation 9.
 */
export function nasaScore(rows: readonly JudgedLife[]): number | null {
  if (rows.length === 0) return null;
  return rows.reduce((total, { saidDays, actualDays }) => {
    const lateDays = saidDays - actualDays;
    return total + Math.expm1(lateDays < 0 ? -lateDays / 13 : lateDays / 10);
  }, 0);
}

/**
 * Expected remaining life of a failure curve, in days, where nothing but the curve is known: E[min(T, cap)] =
 * Σ_{k=0}^{cap−1} P(T > k). Beyond the horizon the hazard goes on as the mean of its last ten days. In [0, cap].
 *
 * @param probabilities [H] F_1..F_H, in [0, 1] and non-decreasing.
 */
export function expectedLifeDays(probabilities: ArrayLike<number>, capDays: number): number {
  const horizonDays = probabilities.length;
  assert(horizonDays > 0, 'a curve of at least one day');
  const survivalAt = (day: number) => (day === 0 ? 1 : 1 - (probabilities[day - 1] as number));
  const tailDays = Math.min(10, horizonDays);
  const before = survivalAt(horizonDays - tailDays);
  const last = survivalAt(horizonDays);
  const dailySurvival = before > 0 ? (last / before) ** (1 / tailDays) : 0;
  let expected = 0;
  let survival = 1;
  for (let day = 0; day < capDays; day++) {
    survival = day <= horizonDays ? survivalAt(day) : survival * dailySurvival;
    expected += survival;
  }
  return expected;
}
