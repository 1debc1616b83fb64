/** What a way of alerting would have cost, beside never and always alerting. */
import { z } from 'zod';
import type { AlertScore } from './alert-score.js';

const cost = z.number().min(0);
export const costsSchema = z.strictObject({
  failure: cost.default(100).describe('A failure without a warning in time: missed, or late.'),
  earlyMaintenance: cost
    .default(20)
    .describe(
      'Maintenance on a warning in time, in place of the failure: the work, and the life given away.',
    ),
  inspection: cost.default(2).describe('Somebody looks: once for every alert.'),
  falseAlarm: cost
    .default(5)
    .describe(
      'Beyond the inspection, of an alert that no failure followed, or only long after: a stop, a part.',
    ),
});
/** In any one unit, such as 1,000 of a currency. */
export type Costs = z.output<typeof costsSchema>;

/** One way of alerting, judged. */
export interface AlertPolicy {
  /** P(fail within the swept rule's days) at which it alerts; null: not a threshold (the rules in force, never, always). */
  readonly threshold: number | null;
  readonly alertCount: number;
  readonly alertsPerMachineMonth: number | null;
  /** Share of failures with a warning in time: foreseen, ahead or early. null without a failure. */
  readonly warnedShare: number | null;
  readonly cost: number;
}

export function policyOf(score: AlertScore, costs: Costs, threshold: number | null): AlertPolicy {
  const { foreseen, ahead, early, late, missed } = score.failureCounts;
  return priced(
    {
      warned: foreseen + ahead + early,
      unwarned: late + missed,
      alerts: score.alerts.length,
      // Who looks so long before the failure finds nothing, and is as little inclined to look again.
      falseAlarms: score.alertCounts.false + score.alertCounts.early,
    },
    score,
    costs,
    threshold,
  );
}

/** No alert at all: every failure comes without a warning. */
export function neverAlert(score: AlertScore, costs: Costs): AlertPolicy {
  const unwarned = score.failures.length;
  return priced({ warned: 0, unwarned, alerts: 0, falseAlarms: 0 }, score, costs, null);
}

/**
 * Every machine is alerted for anew as soon as the claim of the alert before has passed: one alert for every `claimDays` of
 * watched time. Every failure is warned of, and every alert beyond one per failure is false.
 */
export function alwaysAlert(score: AlertScore, costs: Costs): AlertPolicy {
  const warned = score.failures.length;
  const alerts = Math.max(warned, Math.ceil((score.machineMonths * 30) / score.bounds.claimDays));
  return priced({ warned, unwarned: 0, alerts, falseAlarms: alerts - warned }, score, costs, null);
}

function priced(
  counts: {
    readonly warned: number;
    readonly unwarned: number;
    readonly alerts: number;
    readonly falseAlarms: number;
  },
  { machineMonths }: AlertScore,
  costs: Costs,
  threshold: number | null,
): AlertPolicy {
  const { warned, unwarned, alerts, falseAlarms } = counts;
  return {
    threshold,
    alertCount: alerts,
    alertsPerMachineMonth: machineMonths > 0 ? alerts / machineMonths : null,
    warnedShare: warned + unwarned === 0 ? null : warned / (warned + unwarned),
    cost:
      unwarned * costs.failure +
      warned * costs.earlyMaintenance +
      alerts * costs.inspection +
      falseAlarms * costs.falseAlarm,
  };
}

/** Rules weighed against each other on the same failures. */
export interface AlertTradeOff {
  readonly costs: Costs;
  /** Of the swept rule: it alerts when P(fail within this many days) reaches a threshold. */
  readonly withinDays: number;
  readonly inForce: AlertPolicy;
  readonly never: AlertPolicy;
  readonly always: AlertPolicy;
  /** By rising threshold. */
  readonly curve: readonly AlertPolicy[];
  /** Of the curve, the least cost. */
  readonly cheapest: AlertPolicy;
}

/** `swept` is not empty. */
export function weighAlerts(
  inForce: AlertScore,
  swept: readonly { readonly threshold: number; readonly score: AlertScore }[],
  costs: Costs,
  withinDays: number,
): AlertTradeOff {
  const curve = swept.map(({ threshold, score }) => policyOf(score, costs, threshold));
  return {
    costs,
    withinDays,
    inForce: policyOf(inForce, costs, null),
    never: neverAlert(inForce, costs),
    always: alwaysAlert(inForce, costs),
    curve,
    cheapest: curve[cheapestOf(curve)] as AlertPolicy,
  };
}

/**
 * Place of the least cost among rules in the order in which they alert less. Of equals, the middle one: farthest from where it
 * becomes dearer.
 */
export function cheapestOf(policies: readonly Pick<AlertPolicy, 'cost'>[]): number {
  const least = Math.min(...policies.map(({ cost }) => cost));
  const places = policies.flatMap((policy, place) => (policy.cost === least ? [place] : []));
  return places[Math.floor(places.length / 2)] as number;
}
