/** Rules as they apply to one machine type: its step length, horizon and time zone joined to what was configured. */
import { createHash } from 'node:crypto';
import { UserError } from '../domain/errors.js';
import type { CurveKind } from '../domain/forecast.js';
import { globPattern } from '../domain/machine-directory.js';
import type { MachineType } from '../domain/machine-type.js';
import { type Measure, measureKey } from '../domain/measure.js';
import {
  type Condition,
  changesIn,
  conditionText,
  curveKindOf,
  type Direction,
  dayMs,
  directionOf,
  durationText,
  measuresIn,
  partsOf,
} from './condition.js';
import { type AlertsConfig, type RuleConfig, ruleSchema, type SeverityThresholds } from './config.js';
import type { Place } from './episode.js';
import { sensorProblem } from './sensor-problem.js';
import { defaultSummaryOf, makeDateFormat } from './summary.js';

export interface Rule {
  readonly name: string;
  readonly type: string;
  /** Hash of the rule as configured: 16 hex digits. */
  readonly version: string;
  /** Whether it is for this machine of its type. */
  readonly fits: (place: Place) => boolean;
  readonly condition: Condition;
  /** What forecasts it judges; undefined: all. */
  readonly curve: CurveKind | undefined;
  readonly when: Condition | undefined;
  /** What of both is compared with the origin before. */
  readonly changes: readonly Condition[];
  /** What of both is asked of sensors. */
  readonly measures: readonly Measure[];
  readonly direction: Direction;
  readonly severities: readonly SeverityThresholds[];
  readonly forMs: number;
  readonly keepFiringMs: number;
  readonly holds: RuleConfig['holds'];
  readonly flapping: RuleConfig['flapping'];
  readonly minimumCoverage: number;
  readonly provisional: RuleConfig['provisional'];
  /** Infinity: never told. */
  readonly notAssessableAfterMs: number;
  /** A machine with fewer steps in its present life is young: that it cannot be assessed is no news. */
  readonly minimumSteps: number;
  /** A failure or retirement reported later than this after it happened is history: it closes no alert. */
  readonly reachMs: number;
  /** Nominal: a calendar day counts as 24 hours. */
  readonly stepMs: number;
  /** From origin to origin; where steps are calendar days, in whole ones: one with a clock change counts as any. */
  readonly elapsedMs: (fromMs: number, toMs: number) => number;
  readonly horizonSteps: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly formatDate: (timeMs: number) => string;
}

/**
 * The rules of each machine type, in the order of the file; the default rules where the file has none.
 * Throws UserError for a rule that asks a type for what its forecasts do not hold.
 */
export function bindRules(
  config: AlertsConfig,
  types: readonly MachineType[],
): ReadonlyMap<string, readonly Rule[]> {
  const rules = config.rules ?? defaultRules(types, config.severities);
  for (const rule of rules)
    for (const name of [rule, ...rule.overrides].flatMap(({ types: names }) => names ?? []))
      if (!types.some((type) => type.name === name))
        throw new UserError(
          `rule "${rule.name}": there is no machine type "${name}"; there are: ${types.map((type) => type.name).join(', ')}`,
        );
  return new Map(
    types.map((type) => [
      type.name,
      rules
        .filter((rule) => rule.types === undefined || rule.types.includes(type.name))
        .flatMap((rule) => variantsOf(rule, type)),
    ]),
  );
}

/** The rules for a machine among those of its type: of a rule with overrides the first that fits. */
export function rulesFor(rules: readonly Rule[], place: Place): readonly Rule[] {
  const fitting = new Map<string, Rule>();
  for (const rule of rules) if (!fitting.has(rule.name) && rule.fits(place)) fitting.set(rule.name, rule);
  return [...fitting.values()];
}

/** A rule as it is for some machines: its overrides in their order, then itself. */
function variantsOf({ overrides, ...rule }: RuleConfig, type: MachineType): Rule[] {
  const machines = globPattern(rule.machines);
  const variants = overrides
    .filter(({ types }) => types === undefined || types.includes(type.name))
    .map(({ types, lines, machines: some, ...changes }) => {
      const pattern = globPattern(some);
      const given = Object.entries(changes).filter(([, value]) => value !== undefined);
      return bindRule(
        { ...rule, ...Object.fromEntries(given) },
        type,
        ({ machine, line }) =>
          machines.test(machine) && pattern.test(machine) && (lines === undefined || lines.includes(line)),
      );
    });
  return [...variants, bindRule(rule, type, ({ machine }) => machines.test(machine))];
}

function bindRule(rule: Omit<RuleConfig, 'overrides'>, type: MachineType, fits: Rule['fits']): Rule {
  const stepMs = stepMsOf(type);
  const complain = (problem: string): never => {
    throw new UserError(`rule "${rule.name}" for machine type "${type.name}": ${problem}`);
  };
  const conditions = rule.when ? [rule.condition, rule.when] : [rule.condition];
  for (const part of conditions.flatMap((condition) => [...partsOf(condition)])) {
    const text = conditionText(part);
    const problem = sensorProblem(part, type, stepMs);
    if (problem !== undefined) complain(`${text}${problem}`);
    if (!('withinMs' in part)) continue;
    const { withinMs } = part;
    const horizonMs = type.horizonSteps * stepMs;
    if (withinMs % stepMs !== 0)
      complain(`${text} is not a whole number of its steps of ${durationText(stepMs)}`);
    if (withinMs > horizonMs)
      complain(
        `${text} reaches beyond its forecasts, which end after ${durationText(horizonMs)}; shorten it, or name the rule's types`,
      );
  }
  const calendar = type.step.kind === 'calendar-day';
  // The longest calendar day has 25 hours.
  const expectedMs = stepMs + type.graceMs + (calendar ? 3_600_000 : 0);
  const notAssessableAfterMs =
    rule.notAssessableAfter === 'never'
      ? Number.POSITIVE_INFINITY
      : (rule.notAssessableAfter ?? 2 * stepMs + type.graceMs);
  if (notAssessableAfterMs <= expectedMs)
    complain(
      `notAssessableAfter (${durationText(notAssessableAfterMs)}) must be longer than the longest step and its grace (${durationText(expectedMs)}), or every machine is not assessable between two forecasts`,
    );
  const first = rule.severities[0] as SeverityThresholds;
  return {
    name: rule.name,
    type: type.name,
    version: ruleVersion(rule),
    fits,
    condition: rule.condition,
    curve: curveKindOf(rule.condition),
    when: rule.when,
    changes: conditions.flatMap(changesIn),
    measures: conditions.flatMap((condition) => measuresIn(condition, stepMs)),
    direction: directionOf(rule.condition, first.set, first.reset),
    severities: rule.severities,
    forMs: rule.for,
    keepFiringMs: rule.keepFiringFor,
    holds: rule.holds,
    flapping: rule.flapping,
    minimumCoverage: rule.minimumCoverage ?? 0,
    provisional: rule.provisional,
    notAssessableAfterMs,
    minimumSteps: type.minimumSteps,
    reachMs: (type.revisionSteps + 1) * stepMs + type.graceMs,
    stepMs,
    elapsedMs: (fromMs, toMs) => (calendar ? Math.round((toMs - fromMs) / stepMs) * stepMs : toMs - fromMs),
    horizonSteps: type.horizonSteps,
    labels: rule.labels,
    summary: rule.summary ?? defaultSummaryOf(rule.condition),
    formatDate: makeDateFormat(type.step.kind === 'calendar-day' ? type.step.timeZone : undefined, stepMs),
  };
}

/** What the rules of a type ask of its sensors, each once. */
export function measuresOf(rules: readonly Rule[]): readonly Measure[] {
  const measures = rules.flatMap((rule) => rule.measures);
  return [...new Map(measures.map((measure) => [measureKey(measure), measure])).values()];
}

export function stepMsOf(type: MachineType): number {
  return type.step.kind === 'fixed' ? type.step.durationMs : dayMs;
}

/** The same for two rules if and only if they mean the same; key order and spelling of durations do not count. */
function ruleVersion(rule: object): string {
  return createHash('sha256').update(canonicalJson(rule)).digest('hex').slice(0, 16);
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`)
      .join(',')}}`;
  return JSON.stringify(value);
}

/**
 * Rules for a deployment that gives none: for every type a warning when failure within (at most) 30 steps is
 * likely for the third time in a row, and a critical alert when failure within the nearer half is. Types of equal
 * step and horizon share them. Where the values of sensors are forecast, a warning as well when the health index is about
 * to pass its limit: it speaks only as long as there is no forecast of failures.
 *
 * Thresholds: with a person-period logistic model of smoothed sensors, trained on 80 engines of C-MAPSS FD001 and
 * judged on 20 others from cycle 30 on, three splits: the first alert came 5 to 40 cycles before 59 of 60 failures,
 * never more than 41 before, at least 9; 2.1 alerts were fired per engine, of which 1 in 30 resolved.
 */
export function defaultRules(
  types: readonly MachineType[],
  severities: readonly string[] = ['info', 'warning', 'critical'],
): readonly RuleConfig[] {
  const severe = severities.at(-1) as string;
  const mild = severities.at(-2) ?? severe;
  const spans = new Map<
    string,
    { farMs: number; nearMs: number; stepMs: number; names: string[]; valued: string[] }
  >();
  for (const type of types) {
    const farSteps = Math.min(30, type.horizonSteps);
    const stepMs = stepMsOf(type);
    const farMs = farSteps * stepMs;
    const nearMs = Math.ceil((farSteps * 14) / 30) * stepMs;
    const key = `${farSteps} ${stepMs}`;
    const span = spans.get(key) ?? { farMs, nearMs, stepMs, names: [], valued: [] };
    span.names.push(type.name);
    if (type.sensors.some(({ forecast }) => forecast)) span.valued.push(type.name);
    spans.set(key, span);
  }
  // Where there are several, names are told apart by the first type of each.
  return [...spans.values()].flatMap(({ farMs, nearMs, stepMs, names, valued }) => {
    const suffix = spans.size > 1 ? `-${names[0]}` : '';
    const rule = (
      withinMs: number,
      severity: string,
      set: number,
      reset: number,
      forMs: number,
    ): RuleConfig =>
      ruleSchema.parse({
        name: `failure-within-${durationText(withinMs)}${suffix}`,
        ...(spans.size > 1 ? { types: names } : {}),
        condition: `failure_probability(${durationText(withinMs)})`,
        severities: [{ name: severity, set, reset }],
        for: durationText(forMs),
      });
    const far = rule(farMs, mild, 0.7, 0.5, 2 * stepMs);
    const departing =
      valued.length === 0
        ? []
        : [
            ruleSchema.parse({
              name: `limit-within-${durationText(nearMs)}${suffix}`,
              types: valued,
              condition: `limit_probability(${durationText(nearMs)})`,
              severities: [{ name: mild, set: 0.7, reset: 0.5 }],
              for: durationText(2 * stepMs),
            }),
          ];
    if (farMs === nearMs) return [far, ...departing];
    // That a machine cannot be assessed is told once, by the far rule.
    return [
      far,
      ...departing,
      { ...rule(nearMs, severe, 0.6, 0.4, 0), notAssessableAfter: 'never' as const },
    ];
  });
}
