import type { Judged } from '../judged.js';

/**
 * How censoring and failures on one day are ordered, for inverse-probability-of-censoring weights.
 *
 * - `end-of-day`: ours. A record ends at the end of its last known day: a failure on day t is seen when the record
 *   reaches t, weight 1 / P(C ≥ t); a machine runs at the end of day h when its record reaches h, weight 1 / P(C ≥ h).
 * - `scikit-survival`: its `brier_score`. Failure on day t: 1 / P(C > t); running only when known beyond h:
 *   1 / P(C > h). For comparison with published figures.
 */
export type CensoringOrder = 'end-of-day' | 'scikit-survival';

/**
 * [H + 1] P(C > t) for t = 0..H by Kaplan–Meier with the roles of failure and censoring exchanged; failures leave the
 * risk set of their day before the censorings of that day. A record that reaches H without a failure is censored
 * at H.
 */
export function censoringSurvival(rows: readonly Judged[], horizonDays: number): Float64Array {
  const censored = new Float64Array(horizonDays + 1);
  const failed = new Float64Array(horizonDays + 1);
  for (const { eventDay, knownDays } of rows) {
    const counts = eventDay > 0 ? failed : censored;
    const day = eventDay > 0 ? eventDay : knownDays;
    counts[day] = (counts[day] as number) + 1;
  }
  const survival = new Float64Array(horizonDays + 1);
  let atRisk = rows.length;
  let product = 1;
  for (let day = 0; day <= horizonDays; day++) {
    atRisk -= failed[day] as number;
    if (atRisk > 0) product *= 1 - (censored[day] as number) / atRisk;
    atRisk -= censored[day] as number;
    survival[day] = product;
  }
  return survival;
}

/**
 * Brier score at the end of day `day` with inverse-probability-of-censoring weights, for records that end at random
 * (machines retired, gateways removed) rather than by the end of the data set:
 *
 *   (1/N) Σ_i [failed by day] (1 − F_i)² / G(t_i) + [runs at day] F_i² / G(day)
 *
 * Source: Graf, Schmoor, Sauerbrei & Schumacher 1999. G is estimated on the rows themselves. Unbiased only when
 * censoring tells nothing of the machine's health. null without rows, or when no record reaches a day that needs a
 * weight.
 */
export function brierIpcwAt(rows: readonly Judged[], day: number, order: CensoringOrder): number | null {
  const survival = censoringSurvival(rows, rows[0]?.probabilities.length ?? 0);
  const back = order === 'end-of-day' ? 1 : 0;
  let sum = 0;
  for (const { probabilities, eventDay, knownDays } of rows) {
    const probability = probabilities[day - 1] as number;
    const hasFailed = eventDay > 0 && eventDay <= day;
    const lastDay = eventDay > 0 ? eventDay : knownDays;
    const runs = !hasFailed && (order === 'end-of-day' ? lastDay >= day : lastDay > day);
    if (!hasFailed && !runs) continue;
    const reached = survival[(hasFailed ? eventDay : day) - back] as number;
    if (reached === 0) return null;
    sum += (hasFailed ? (1 - probability) ** 2 : probability ** 2) / reached;
  }
  return rows.length === 0 ? null : sum / rows.length;
}
