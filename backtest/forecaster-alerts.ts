/** Forecasters compared by the alerts that the same rules made of their curves. */
import { Rng } from '../domain/rng.js';
import { alwaysAlert, type Costs, neverAlert, policyOf } from './alert-cost.js';
import {
  type AlertScore,
  type JudgedAlert,
  type JudgedFailure,
  monthsWatched,
  summarizeAlerts,
} from './alert-score.js';
import { drawMachines, type Interval, intervalOf } from './metrics/bootstrap.js';
import type { Observation } from './observation.js';
import { bootstrapSeed, drawCountFor } from './score-draws.js';

/** A rule that alerts when P(fail within `withinSteps`) reaches `threshold` and has held for `holdSteps`. */
export interface CandidateRule {
  readonly withinSteps: number;
  readonly threshold: number;
  readonly holdSteps: number;
}

/** null where a figure is undefined, such as a share of no failures. */
export interface AlertFigures {
  /** Share of failures with a warning in time, and with any alert standing. */
  readonly warnedShare: number | null;
  readonly detectedShare: number | null;
  readonly medianLeadDays: number | null;
  readonly alertsPerMachineMonth: number | null;
  readonly falseAlarmsPerMachineMonth: number | null;
  readonly precision: number | null;
  readonly cost: number;
  /** 1 − cost / that of never (always) alerting. */
  readonly savedOverNever: number | null;
  readonly savedOverAlways: number | null;
}

export interface JudgedRule {
  /** null: the rules in force. */
  readonly rule: CandidateRule | null;
  readonly figures: AlertFigures;
  /** 95 %, by drawing machines again and again; the same machines for every rule and forecaster. */
  readonly intervals: Readonly<Record<keyof AlertFigures, Interval | null>>;
}

export interface ForecasterAlerts {
  readonly name: string;
  readonly inForce: JudgedRule;
  /** Under a rule of its own: the cheapest for it. */
  readonly own: JudgedRule;
  /** Where the own rule was found: on the very rows that it is judged on, or on others. */
  readonly ownFoundOn: 'these-rows' | 'other-rows';
}

/** Machines without a failure or an alert are drawn, too: `observations` has them all. */
export function judgeRule(
  rule: CandidateRule | null,
  score: AlertScore,
  observations: readonly Observation[],
  costs: Costs,
): JudgedRule {
  const figures = alertFigures(score, costs);
  const failures = groupByMachine<JudgedFailure>(score.failures);
  const alerts = groupByMachine<JudgedAlert>(score.alerts);
  const months = new Map(observations.map((each) => [each.machine, monthsWatched(each, score.dayMs)]));
  const machines = [...months.keys()].sort();
  const drawCount = drawCountFor(score.failures.length + score.alerts.length);
  const drawn = drawMachines(machines, new Rng(bootstrapSeed), drawCount).map((draw) =>
    alertFigures(
      summarizeAlerts({
        ...score,
        failures: draw.flatMap((machine) => failures.get(machine) ?? []),
        alerts: draw.flatMap((machine) => alerts.get(machine) ?? []),
        machineMonths: draw.reduce((sum, machine) => sum + (months.get(machine) as number), 0),
      }),
      costs,
    ),
  );
  const intervals = Object.fromEntries(
    (Object.keys(figures) as (keyof AlertFigures)[]).map((figure) => [
      figure,
      intervalOf(drawn.map((draw) => draw[figure])),
    ]),
  ) as JudgedRule['intervals'];
  return { rule, figures, intervals };
}

export function alertFigures(score: AlertScore, costs: Costs): AlertFigures {
  const { warnedShare, alertsPerMachineMonth, cost } = policyOf(score, costs, null);
  const saved = (other: number) => (other === 0 ? null : 1 - cost / other);
  return {
    warnedShare,
    detectedShare: score.detectedShare,
    medianLeadDays: score.leadDays?.median ?? null,
    alertsPerMachineMonth,
    falseAlarmsPerMachineMonth: score.falseAlarmsPerMachineMonth,
    precision: score.precision,
    cost,
    savedOverNever: saved(neverAlert(score, costs).cost),
    savedOverAlways: saved(alwaysAlert(score, costs).cost),
  };
}

function groupByMachine<Item extends { readonly machine: string }>(
  items: readonly Item[],
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const own = groups.get(item.machine);
    if (own) own.push(item);
    else groups.set(item.machine, [item]);
  }
  return groups;
}
