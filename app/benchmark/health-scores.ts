/** How early a health index passes its limit before failures, how often it does so wrongly, and whether it foresaw that. */
import { quantile } from '../../backtest/metrics/quantile.js';
import type { HealthOutlook } from '../../domain/values.js';

export interface WatchedDay extends HealthOutlook {
  /** Days from the end of this one to the failure, 1 for the next. */
  readonly remainingDays: number;
}

/** Day after day, without gaps, to the failure or the end of the record. */
export type WatchedEngine = readonly WatchedDay[];

/** A passing is over when the index has fallen below this, as an alert would be. */
const resetIndex = 0.9;

/** Capped remaining life, the field's convention for "healthy": a passing earlier than this ahead is early for sure. */
const healthyDays = 125;

const foreseenDays = [1, 7, 14, 30] as const;

export interface HealthScores {
  readonly engines: number;
  readonly days: number;
  /** Engines whose index is beyond the limit at the end of what was watched. */
  readonly passed: number;
  /** Days from the passing that stood to the failure, over the engines that passed; null without any. */
  readonly leadDays: Readonly<Record<'min' | 'p10' | 'median' | 'p90' | 'max', number | null>>;
  /** Engines that passed, and stood, at least so many days ahead. */
  readonly aheadOfDays: Readonly<Record<'10' | '20' | '30', number>>;
  /** Passings that fell back again: wrong ones. */
  readonly fellBack: number;
  readonly fellBackPer1000Days: number;
  /** Passings, standing or not, that began more than 125 days before the failure, of so many such days. */
  readonly passedWhileHealthy: number;
  readonly healthyDays: number;
  /**
   * Brier score of "passes within k days", over the days on which it has not yet and k more were watched; `marginal` is
   * that of always saying how often it happens. null where there are no such days.
   */
  readonly foreseen: Readonly<
    Record<
      `${(typeof foreseenDays)[number]}`,
      { readonly brier: number | null; readonly marginal: number | null }
    >
  >;
}

export function scoreHealth(engines: readonly WatchedEngine[]): HealthScores {
  const leads: number[] = [];
  let [fellBack, passedWhileHealthy, healthy, days] = [0, 0, 0, 0];
  for (const engine of engines) {
    let since: number | undefined;
    for (const { index, remainingDays } of engine) {
      days += 1;
      if (remainingDays > healthyDays) healthy += 1;
      if (since === undefined && index >= 1) {
        since = remainingDays;
        if (remainingDays > healthyDays) passedWhileHealthy += 1;
      } else if (since !== undefined && index < resetIndex) {
        since = undefined;
        fellBack += 1;
      }
    }
    if (since !== undefined) leads.push(since);
  }
  leads.sort((a, b) => a - b);
  const lead = (share: number) => (leads.length === 0 ? null : quantile(leads, share));
  const ahead = (least: number) => leads.filter((each) => each >= least).length;
  return {
    engines: engines.length,
    days,
    passed: leads.length,
    leadDays: { min: lead(0), p10: lead(0.1), median: lead(0.5), p90: lead(0.9), max: lead(1) },
    aheadOfDays: { 10: ahead(10), 20: ahead(20), 30: ahead(30) },
    fellBack,
    fellBackPer1000Days: (1000 * fellBack) / days,
    passedWhileHealthy,
    healthyDays: healthy,
    foreseen: Object.fromEntries(
      foreseenDays.map((k) => [k, foreseenWithin(engines, k)]),
    ) as HealthScores['foreseen'],
  };
}

function foreseenWithin(engines: readonly WatchedEngine[], k: number) {
  let [squares, count, passed] = [0, 0, 0];
  for (const engine of engines)
    for (let day = 0; day + k < engine.length; day++) {
      const today = engine[day] as WatchedDay;
      if (today.index >= 1) continue;
      const outcome = engine.slice(day + 1, day + 1 + k).some(({ index }) => index >= 1) ? 1 : 0;
      squares += ((today.probabilities[k - 1] as number) - outcome) ** 2;
      passed += outcome;
      count += 1;
    }
  if (count === 0) return { brier: null, marginal: null };
  const share = passed / count;
  return { brier: squares / count, marginal: share * (1 - share) };
}
