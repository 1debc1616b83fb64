/** The alerts file: rules, receivers and routes, checked as a whole. */
import { z } from 'zod';
import { durationMs } from '../domain/duration.js';
import { nameSchema } from '../domain/machine-type.js';
import { directionOf, parseCondition } from './condition.js';
import { notifierSchema, routeSchema } from './notifier-config.js';
import { checkTemplate } from './summary.js';

const conditionSchema = z
  .string()
  .describe('What is measured: failure_probability(14d), or expected_day().')
  .transform((text, context) => {
    const parsed = parseCondition(text);
    if ('kind' in parsed) return parsed;
    context.addIssue({ code: 'custom', message: `column ${parsed.column}: ${parsed.message}` });
    return z.NEVER;
  });

const severitySchema = z.strictObject({
  name: nameSchema.describe('One of the names in `severities` of the alerts file.'),
  set: z
    .number()
    .describe('The severity begins when the measure reaches this: at or above (expected_day: at or below).'),
  reset: z
    .number()
    .describe('It ends when the measure is on the other side of this: below (expected_day: above).'),
});

export const ruleSchema = z
  .strictObject({
    name: nameSchema.describe('Name of the rule, part of the ids of its alerts.'),
    types: z.array(nameSchema).min(1).optional().describe('Machine types it is for. Default: all.'),
    machines: z.string().min(1).default('*').describe('Machine id, or a pattern with *.'),
    condition: conditionSchema,
    severities: z.array(severitySchema).min(1).describe('From mild to severe.'),
    for: durationMs
      .default(0)
      .describe(
        'The condition must hold this long before the alert fires: from the origin of the first forecast that met it to the origin of the newest, so a backlog that arrives at once counts in full. "2d" with daily steps is the third forecast in a row; days of a plant with a clock change count as any others.',
      ),
    keepFiringFor: durationMs
      .default(0)
      .describe('A firing alert resolves only when the condition has been gone this long, origin to origin.'),
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
  .superRefine((rule, context) => {
    const below = rule.condition !== undefined && directionOf(rule.condition) === 'below';
    const [good, worse] = below ? ['above', 'below'] : ['below', 'above'];
    const worseThan = (a: number, b: number): boolean => (below ? a < b : a > b);
    const complain = (index: number, field: 'name' | 'set' | 'reset', message: string): void =>
      context.addIssue({ code: 'custom', path: ['severities', index, field], message });
    rule.severities.forEach(({ name, set, reset }, index) => {
      if (below ? !(set > 0) : !(set > 0 && set <= 1))
        complain(
          index,
          'set',
          `${set} is not a ${below ? 'number of days; write one above 0' : 'probability; write one above 0, at most 1'}`,
        );
      if (!below && !(reset >= 0))
        complain(index, 'reset', `${reset} is not a probability; write one from 0 on`);
      if (!worseThan(set, reset))
        complain(index, 'reset', `reset (${reset}) of "${name}" must be ${good} its set (${set})`);
      const milder = rule.severities[index - 1];
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
    const wrong = checkTemplate(rule.summary ?? '', rule.labels);
    if (wrong)
      context.addIssue({
        code: 'custom',
        path: ['summary'],
        message: `column ${wrong.column}: ${wrong.message}`,
      });
  });
export type RuleConfig = z.output<typeof ruleSchema>;

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
      let last = -1;
      for (const [s, { name }] of rule.severities.entries()) {
        const rank = config.severities.indexOf(name);
        const path = ['rules', r, 'severities', s, 'name'];
        if (rank < 0) complain(path, `"${name}" is not one of the severities (${known})`);
        else if (rank <= last)
          complain(path, `"${name}" must come after "${config.severities[last]}", in the order ${known}`);
        else last = rank;
      }
    }
    for (const [r, route] of (config.routes ?? []).entries()) {
      for (const [n, name] of route.notifiers.entries())
        if (!config.notifiers.some((notifier) => notifier.name === name))
          complain(
            ['routes', r, 'notifiers', n],
            `there is no notifier "${name}"; there are: ${config.notifiers.map((notifier) => notifier.name).join(', ')}`,
          );
      if (route.minSeverity !== undefined && !config.severities.includes(route.minSeverity))
        complain(
          ['routes', r, 'minSeverity'],
          `"${route.minSeverity}" is not one of the severities (${known})`,
        );
    }
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
