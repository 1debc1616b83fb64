/** Files of stories: what happens to machines in time, and what the rules are wanted to say of it. */
import { z } from 'zod';
import { type AlertsConfig, alertsConfigSchema } from '../../alerts/config.js';
import { durationMs } from '../../domain/duration.js';
import { machineTypeSchema } from '../../domain/machine-type.js';

const lineSchema = z
  .record(z.string(), z.union([z.string(), z.array(z.string()), z.null()]))
  .refine((line) => Object.keys(line).length === 1, 'write one line as "- DAY WHAT: WANTED"')
  .transform((line) => {
    const [[happens, wanted]] = Object.entries(line) as [[string, string | string[] | null]];
    const list = typeof wanted === 'string' ? wanted.split(';') : (wanted ?? []);
    return { happens, wanted: list.map((said) => said.trim()).filter((said) => said !== '') };
  });

/** Checked as `alerts` of a deployment once the changes of the story are in. */
const rawAlerts = z.record(z.string(), z.unknown());
const typeSchema = machineTypeSchema.describe('Machine type that the rules are fitted to.');

const storySchema = z.strictObject({
  name: z.string().min(1).describe('What the story shows; a failure is told by it.'),
  alerts: rawAlerts
    .optional()
    .describe('Rules, notifiers and routes of this story alone, as `alerts` of a deployment.'),
  rule: rawAlerts.optional().describe('Changes to the first rule of `alerts` for this story: for: 2d.'),
  machineType: typeSchema.optional(),
  lines: z.array(lineSchema).min(1).describe('What happens, in order, and what is said at once.'),
});

export const storyFileSchema = z
  .strictObject({
    alerts: rawAlerts
      .optional()
      .describe(
        'Rules, notifiers and routes, as `alerts` of a deployment. Default: those of the deployment.',
      ),
    machineType: typeSchema.optional(),
    start: z.iso.date().default('2026-03-01').describe('Day 0 of the lines, from midnight in UTC on.'),
    within: durationMs.prefault('14d').describe('Time ahead for which `p` gives the probability.'),
    stories: z.array(storySchema).min(1),
  })
  .transform(({ stories, ...file }, context) => ({
    startMs: Date.parse(file.start),
    withinMs: file.within,
    stories: stories.map(({ alerts, rule, lines, name, machineType = file.machineType }, index) => {
      const own = alerts !== undefined;
      const given = alerts ?? file.alerts;
      let config: AlertsConfig | undefined;
      if (given !== undefined || rule !== undefined) {
        const { rules = [], ...others } = given ?? {};
        const [first, ...rest] = Array.isArray(rules) ? rules : [rules];
        const merged = rule ? { ...others, rules: [{ ...first, ...rule }, ...rest] } : given;
        const checked = alertsConfigSchema.safeParse(merged);
        if (checked.success) config = checked.data;
        else
          for (const { path, message } of checked.error.issues) {
            const ofRule = rule && path[0] === 'rules' && path[1] === 0 && String(path[2]) in rule;
            const where = ofRule ? ['stories', index, 'rule', ...path.slice(2)] : [];
            context.addIssue({
              code: 'custom',
              path: ofRule ? where : own ? ['stories', index, 'alerts', ...path] : ['alerts', ...path],
              message,
            });
          }
      }
      return { name, lines, config, machineType };
    }),
  }));
export type StoryFile = z.output<typeof storyFileSchema>;
export type Story = StoryFile['stories'][number];
