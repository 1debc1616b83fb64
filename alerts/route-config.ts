/** Who is told what, when, and together with what: a tree, as Alertmanager's. */
import { z } from 'zod';
import { durationMs } from '../domain/duration.js';
import { nameSchema } from '../domain/machine-type.js';
import { parseMatcher } from './matcher.js';

export const notifiableTransitions = [
  'fired',
  'raised',
  'lowered',
  'resolved',
  'amended',
  'not-assessable',
  'assessable',
  'acknowledged',
  'assigned',
  'commented',
] as const;
/** Told only where a route lists them. */
export const quietTransitions: ReadonlySet<string> = new Set(['amended', 'commented']);

export const matcherSchema = z.string().superRefine((text, context) => {
  const matcher = parseMatcher(text);
  if (typeof matcher === 'string') context.addIssue({ code: 'custom', message: matcher });
});

const stormSchema = z.strictObject({
  above: z
    .number()
    .int()
    .min(1)
    .default(20)
    .describe('When more transitions than this are to be told at once, they are told as one notification.'),
  interval: durationMs.default(60_000).describe('The next notification then comes after this time.'),
});

const branchFields = {
  match: z
    .array(matcherSchema)
    .default([])
    .describe(
      'Matchers on labels, such as [line=hot, machine=~"press-.*"], all of which must fit. Labels are machine, type, site, line, rule and those of the rule.',
    ),
  machines: z.string().min(1).default('*').describe('Machine id, or a pattern with *.'),
  rules: z.string().min(1).default('*').describe('Rule name, or a pattern with *.'),
  labels: z
    .record(z.string(), z.string())
    .default({})
    .describe('Labels that the rule must have, with these values.'),
  minSeverity: nameSchema
    .optional()
    .describe(
      'Alerts begin to be told from this severity on; whatever follows of an alert once told, down to its end, is told too. Default: all.',
    ),
  transitions: z
    .array(z.enum(notifiableTransitions))
    .min(1)
    .optional()
    .describe(
      'What is told of an alert. "pending" and its cancelling are never told; "amended" and "commented" only when listed. Default: all others.',
    ),
  groupBy: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Alerts with the same values of these labels are told together; [] puts all into one group. Default: each transition on its own.',
    ),
  groupWait: durationMs
    .optional()
    .describe(
      'What begins is told after this time, with what has come until then. Default: 30s with groupBy, else 1s.',
    ),
  groupInterval: durationMs
    .optional()
    .describe('Least time between two notifications of a group. Default: 5m with groupBy, else 0s.'),
  repeatInterval: z
    .union([z.literal('never'), durationMs], {
      error: 'write a number and a unit of ms, s, m, h or d, such as "4h", or "never"',
    })
    .optional()
    .describe('What is open and nobody has acknowledged is told again after this time. Default: never.'),
  storm: stormSchema.optional().describe('When many are told each on its own. Default: 20 in a minute.'),
  muteTimes: z
    .array(nameSchema)
    .optional()
    .describe('Names of `timeIntervals` in which nothing new is told; what is open then is told afterwards.'),
  activeTimes: z.array(nameSchema).optional().describe('Outside of these nothing new is told.'),
  continue: z
    .boolean()
    .default(false)
    .describe('Of a route in a route: those after it get what fits it, too.'),
};

const notifierNames = z.array(nameSchema).min(1);
const branchSchema = z.strictObject({
  notifiers: notifierNames.optional(),
  ...branchFields,
});

export interface BranchConfig extends z.output<typeof branchSchema> {
  readonly routes?: readonly BranchConfig[] | undefined;
}
interface BranchInput extends z.input<typeof branchSchema> {
  readonly routes?: readonly BranchInput[] | undefined;
}

/** A route in a route. What it does not say it has of the one that it stands in, except for what it matches. */
const nestedSchema: z.ZodType<BranchConfig, BranchInput> = branchSchema.extend({
  routes: z.array(z.lazy(() => nestedSchema)).optional(),
});

export const routeSchema = z.strictObject({
  notifiers: notifierNames.describe('Names of the notifiers that get what this route lets through.'),
  ...branchFields,
  routes: z
    .array(z.lazy(() => nestedSchema))
    .optional()
    .describe(
      'Routes within this one, with the same options, and its receivers and times where they have none of their own. The first that fits has the alert instead of this one.',
    ),
});
export type RouteConfig = z.output<typeof routeSchema>;
