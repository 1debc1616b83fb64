/** The alerts file: rules, receivers and routes, checked as a whole. */
import { z } from 'zod';
import { durationMs } from '../domain/duration.js';
import { nameSchema } from '../domain/machine-type.js';
import { type Condition, directionOf, typeOf, unitOf } from './condition.js';
import { parseCondition } from './condition-parser.js';
import { changingLabels, fixedLabels } from './labels.js';
import { inhibitionSchema, maintenanceWindowSchema } from './muting-config.js';
import { notifierSchema } from './notifier-config.js';
import { type BranchConfig, routeSchema } from './route-config.js';
import { checkTemplate } from './summary.js';
import { timeIntervalSchema } from './time-interval.js';

const expressionSchema = z.string().transform((text, context): Condition => {
  const parsed = parseCondition(text);
  if ('kind' in parsed) return parsed;
  context.addIssue({ code: 'custom', message: `column ${parsed.column}: ${parsed.message}` });
  return z.NEVER;
});

const severitySchema = z.strictObject({
  name: nameSchema.describe('One of the names in `severities` of the alerts file.'),
  set: z
    .number()
    .optional()
    .describe(
      'The severity begins when the measure reaches this: at or above (expected_day: at or below). Left out where the condition is true or false.',
    ),
  reset: z
    .number()
    .optional()
    .describe('It ends when the measure is on the other side of this: below (expected_day: above).'),
});

/** What a rule may have otherwise for some machines. */
const adjustable = {
  severities: z.array(severitySchema).min(1).describe('From mild to severe.'),
  for: durationMs
    .default(0)
    .describe(
      'The condition must hold this long before the alert fires: from the origin of the first forecast that met it to the origin of the newest, so a backlog that arrives at once counts in full. "2d" with daily steps is the third forecast in a row; days of a plant with a clock change count as any others.',
    ),
  keepFiringFor: durationMs
    .default(0)
    .describe('A firing alert resolves only when the condition has been gone this long, origin to origin.'),
};

const overrideSchema = z.strictObject({
  types: z.array(nameSchema).min(1).optional().describe('Machine types. Default: all of the rule.'),
  lines: z.array(z.string()).min(1).optional().describe('Lines. Default: all.'),
  machines: z.string().min(1).default('*').describe('Machine id, or a pattern with *.'),
  severities: adjustable.severities.optional(),
  for: durationMs.optional().describe('As of the rule.'),
  keepFiringFor: durationMs.optional().describe('As of the rule.'),
});

export const ruleSchema = z
  .strictObject({
    name: nameSchema.describe('Name of the rule, part of the ids of its alerts.'),
    types: z.array(nameSchema).min(1).optional().describe('Machine types it is for. Default: all.'),
    machines: z.string().min(1).default('*').describe('Machine id, or a pattern with *.'),
    condition: expressionSchema.describe(
      'What is measured: failure_probability(14d), expected_day(), or any other expression of the guide to alerts.',
    ),
    when: expressionSchema
      .optional()
      .describe('Where this is not true of a forecast, the condition counts as not met.'),
    ...adjustable,
    holds: z
      .strictObject({
        times: z.number().int().min(1).max(30).describe('How many.'),
        of: z.number().int().min(2).max(30).describe('Of how many.'),
      })
      .optional()
      .describe(
        'Fires when the condition was met in so many of the newest so many forecasts; in place of `for`.',
      ),
    flapping: z
      .strictObject({
        from: z.number().gt(0).max(1).default(0.3).describe('It begins at this share of changes.'),
        until: z.number().min(0).lt(1).default(0.2).describe('It ends below this share.'),
      })
      .optional()
      .describe(
        'An alert whose condition comes and goes is not resolved and fired again each time, but kept until it is calm: by the share of the newest 20 forecasts at which the condition changed, the newest counting half as much again as the oldest.',
      ),
    minimumCoverage: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe(
        'A forecast of less coverage neither meets nor clears the condition: the machine is not assessable.',
      ),
    overrides: z
      .array(overrideSchema)
      .default([])
      .describe('What is otherwise for some machines; the first that fits counts.'),
    provisional: z
      .enum(['ignore', 'use'])
      .default('ignore')
      .describe('Forecasts from a step that is still open: "use" judges them like others.'),
    notAssessableAfter: z
      .union([z.literal('never'), durationMs], {
        error: 'write a number and a unit of ms, s, m, h or d, such as "3d", or "never"',
      })
      .optional()
      .describe(
        'A machine without an assessable forecast for this long is told as not assessable; "never" leaves that to another rule. Default: two steps plus the grace of its type.',
      ),
    labels: z
      .record(nameSchema, z.string())
      .default({})
      .describe('Words for routes and summaries, such as team: hydraulics.'),
    summary: z
      .string()
      .min(1)
      .optional()
      .describe('Sentence of a firing alert; words in braces are filled in. Default: by the condition.'),
  })
  .transform((rule, context) => {
    const complain = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    const severitiesOf = (given: readonly z.output<typeof severitySchema>[], path: (string | number)[]) =>
      thresholdsOf(rule.condition, given, (index, field, message) =>
        complain([...path, 'severities', index, field], message),
      );
    if (rule.when !== undefined && typeOf(rule.when) !== 'truth')
      complain(['when'], 'must be true or false; compare it with something');
    if (rule.holds && rule.holds.times > rule.holds.of)
      complain(['holds', 'times'], `${rule.holds.times} of ${rule.holds.of} can never be`);
    if (rule.holds && rule.for > 0)
      complain(['for'], 'belongs to rules without `holds`; write one of the two');
    if (rule.flapping && rule.flapping.until >= rule.flapping.from)
      complain(
        ['flapping', 'until'],
        `until (${rule.flapping.until}) must be below its from (${rule.flapping.from})`,
      );
    const wrong = checkTemplate(rule.summary ?? '', rule.labels);
    if (wrong) complain(['summary'], `column ${wrong.column}: ${wrong.message}`);
    return {
      ...rule,
      severities: severitiesOf(rule.severities, []),
      overrides: rule.overrides.map(({ severities, ...override }, index) => ({
        ...override,
        ...(severities ? { severities: severitiesOf(severities, ['overrides', index]) } : {}),
      })),
    };
  });
export type RuleConfig = z.output<typeof ruleSchema>;

export interface SeverityThresholds {
  readonly name: string;
  readonly set: number;
  readonly reset: number;
}

/** The thresholds of a rule's severities, checked against its condition; a truth is 1 where it holds. */
function thresholdsOf(
  condition: Condition,
  severities: readonly z.output<typeof severitySchema>[],
  complain: (index: number, field: 'name' | 'set' | 'reset', message: string) => void,
): SeverityThresholds[] {
  const unit = unitOf(condition);
  if (unit === 'truth') {
    severities.forEach(({ name, set, reset }, index) => {
      if (set !== undefined || reset !== undefined)
        complain(index, set === undefined ? 'reset' : 'set', 'the condition is true or false; leave it out');
      if (index > 0) complain(index, 'name', `"${name}" is one too many: what is true has one severity`);
    });
    return severities.map(({ name }) => ({ name, set: 1, reset: 1 }));
  }
  const thresholds = severities.map(({ name, set, reset }, index) => {
    if (set === undefined) complain(index, 'set', 'is missing; the condition is a number');
    if (reset === undefined) complain(index, 'reset', 'is missing; the condition is a number');
    return { name, set: set ?? Number.NaN, reset: reset ?? Number.NaN };
  });
  if (thresholds.some(({ set, reset }) => Number.isNaN(set + reset))) return thresholds;
  const [first] = thresholds;
  const below = first !== undefined && directionOf(condition, first.set, first.reset) === 'below';
  const [good, worse] = below ? ['above', 'below'] : ['below', 'above'];
  const worseThan = (a: number, b: number): boolean => (below ? a < b : a > b);
  thresholds.forEach(({ name, set, reset }, index) => {
    if (unit === 'days' && !(set > 0))
      complain(index, 'set', `${set} is not a number of days; write one above 0`);
    if (unit === 'probability' && !(set > 0 && set <= 1))
      complain(index, 'set', `${set} is not a probability; write one above 0, at most 1`);
    if (unit === 'probability' && !(reset >= 0))
      complain(index, 'reset', `${reset} is not a probability; write one from 0 on`);
    if (!worseThan(set, reset))
      complain(index, 'reset', `reset (${reset}) of "${name}" must be ${good} its set (${set})`);
    const milder = thresholds[index - 1];
    if (!milder) return;
    if (!worseThan(set, milder.set))
      complain(
        index,
        'set',
        `set (${set}) of "${name}" must be ${worse} set (${milder.set}) of "${milder.name}" before it`,
      );
    if (worseThan(milder.reset, reset))
      complain(
        index,
        'reset',
        `reset (${reset}) of "${name}" must not be ${good} reset (${milder.reset}) of "${milder.name}" before it`,
      );
  });
  return thresholds;
}

export const alertsConfigSchema = z
  .strictObject({
    severities: z
      .array(nameSchema)
      .min(1)
      .default(['info', 'warning', 'critical'])
      .describe('Names of severities, from mild to severe.'),
    rules: z
      .array(ruleSchema)
      .optional()
      .describe('Default: a warning on the far and a critical alert on the near part of the forecast.'),
    notifiers: z
      .array(notifierSchema)
      .prefault([{ kind: 'log', name: 'log' }])
      .describe('Receivers. Default: the log.'),
    routes: z
      .array(routeSchema)
      .optional()
      .describe('Who is told what. Default: every notifier, all alerts.'),
    timeIntervals: z.array(timeIntervalSchema).optional().describe('Times that others go by.'),
    maintenanceWindows: z
      .array(maintenanceWindowSchema)
      .optional()
      .describe(
        'Times in which nothing new is told of some machines; what is open afterwards is told then. For a time that comes once use a silence.',
      ),
    inhibit: z
      .array(inhibitionSchema)
      .optional()
      .describe(
        'Alerts of which nothing new is told while another one is firing: machines of a line that stands.',
      ),
  })
  .superRefine((config, context) => {
    const complain = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    refuseTwice(config.severities, (index) => ['severities', index], complain);
    refuseTwice(
      (config.rules ?? []).map(({ name }) => name),
      (index) => ['rules', index, 'name'],
      complain,
    );
    refuseTwice(
      config.notifiers.map(({ name }) => name),
      (index) => ['notifiers', index, 'name'],
      complain,
    );
    const known = config.severities.join(', ');
    for (const [r, rule] of (config.rules ?? []).entries()) {
      const inOrder = (severities: readonly { name: string }[], above: (string | number)[]): void => {
        let last = -1;
        for (const [s, { name }] of severities.entries()) {
          const rank = config.severities.indexOf(name);
          const path = [...above, 'severities', s, 'name'];
          if (rank < 0) complain(path, `"${name}" is not one of the severities (${known})`);
          else if (rank <= last)
            complain(path, `"${name}" must come after "${config.severities[last]}", in the order ${known}`);
          else last = rank;
        }
      };
      inOrder(rule.severities, ['rules', r]);
      for (const [o, override] of rule.overrides.entries())
        inOrder(override.severities ?? [], ['rules', r, 'overrides', o]);
    }
    for (const [r, route] of (config.routes ?? []).entries()) {
      checkRoute(config, route, ['routes', r], complain);
    }
    refuseTwice(
      (config.timeIntervals ?? []).map(({ name }) => name),
      (index) => ['timeIntervals', index, 'name'],
      complain,
    );
    for (const [w, { times }] of (config.maintenanceWindows ?? []).entries())
      checkNames(times, config.timeIntervals ?? [], 'time interval', (n, message) =>
        complain(['maintenanceWindows', w, 'times', n], message),
      );
  });
export type AlertsConfig = z.output<typeof alertsConfigSchema>;
export type AlertsConfigInput = z.input<typeof alertsConfigSchema>;

function refuseTwice(
  names: readonly string[],
  pathOf: (index: number) => (string | number)[],
  complain: (path: (string | number)[], message: string) => void,
): void {
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first < index) complain(pathOf(index), `"${name}" is already the name of number ${first + 1}`);
  }
}

interface RouteNames {
  readonly severities: readonly string[];
  readonly rules?: readonly RuleConfig[] | undefined;
  readonly notifiers: readonly { readonly name: string }[];
  readonly timeIntervals?: readonly { readonly name: string }[] | undefined;
}

/** That all that a route names is there. */
function checkRoute(
  config: RouteNames,
  route: BranchConfig,
  path: readonly (string | number)[],
  complain: (path: (string | number)[], message: string) => void,
): void {
  checkNames(route.notifiers ?? [], config.notifiers, 'notifier', (n, message) =>
    complain([...path, 'notifiers', n], message),
  );
  for (const times of ['muteTimes', 'activeTimes'] as const)
    checkNames(route[times] ?? [], config.timeIntervals ?? [], 'time interval', (n, message) =>
      complain([...path, times, n], message),
    );
  if (route.minSeverity !== undefined && !config.severities.includes(route.minSeverity))
    complain(
      [...path, 'minSeverity'],
      `"${route.minSeverity}" is not one of the severities (${config.severities.join(', ')})`,
    );
  const labels = [...fixedLabels, ...(config.rules ?? []).flatMap((rule) => Object.keys(rule.labels))];
  for (const [n, name] of (route.groupBy ?? []).entries())
    if ((changingLabels as readonly string[]).includes(name))
      complain(
        [...path, 'groupBy', n],
        `"${name}" changes in the life of an alert, which would leave its group`,
      );
    else if (!labels.includes(name))
      complain(
        [...path, 'groupBy', n],
        `no alert has the label "${name}"; there are: ${[...new Set(labels)].join(', ')}`,
      );
  for (const [r, child] of (route.routes ?? []).entries())
    checkRoute(config, child, [...path, 'routes', r], complain);
}

function checkNames(
  names: readonly string[],
  known: readonly { readonly name: string }[],
  what: string,
  complain: (index: number, message: string) => void,
): void {
  for (const [n, name] of names.entries())
    if (!known.some((one) => one.name === name))
      complain(
        n,
        `there is no ${what} "${name}"; there are: ${known.map((one) => one.name).join(', ') || 'none'}`,
      );
}
