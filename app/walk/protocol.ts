/** The protocol of a walk-forward backtest: which machines are trained on and judged, when, and how often a network is trained anew. */
import { z } from 'zod';
import { parseTimeMs } from '../../infra/files/parse-time.js';

const time = z
  .string()
  .refine(
    (text) => parseTimeMs(text, 'iso', 'UTC') !== undefined,
    'write a day such as 2025-07-01, or a time such as 2025-07-01T06:00:00Z',
  );

const patterns = z.array(z.string().min(1)).min(1, 'name at least one machine, such as "*"');

export const walkProtocolSchema = z
  .strictObject({
    data: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Data-set file with the history, relative to this file. Left out: what the log of the deployment has kept.',
      ),
    trainMachines: patterns
      .default(['*'])
      .describe(
        'Machines that are learned from, ids or patterns with `*`. The default takes all: then only time parts what is learned from what is judged.',
      ),
    judgeMachines: patterns
      .default(['*'])
      .describe(
        'Machines whose forecasts are judged. Name others than in `trainMachines` to judge machines that no network has seen.',
      ),
    from: time.describe(
      'First origin judged: a day (its start in the time zone of the steps) or a time. The first network knows what had happened before it.',
    ),
    to: time.optional().describe('Last origin judged. Left out: the last before the end of the history.'),
    refitEverySteps: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe(
        'A network is trained anew after every so many steps (days, as a rule), and forecasts the next so many. Left out: never; one network forecasts everything.',
      ),
    refit: z
      .enum(['always', 'on-drift'])
      .default('always')
      .describe(
        'After every `refitEverySteps`: `always`, or only where the sensors of these steps have drifted from what the network was trained on, as `millwright drift` tells it (10 machines at least).',
      ),
    trainingSteps: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe(
        'Only the newest so many steps are learned from: a sliding window. Left out: all there have been, a window that expands.',
      ),
    purgeSteps: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe(
        'Steps before the first judged origin of a network that it does not learn from. Left out: one horizon, so that what became of everything learned from was known by then. With fewer, the newest steps are learned from as far as their future was known; what came later never is.',
      ),
    seeds: z
      .array(z.number().int().min(0))
      .min(1, 'name at least one seed, such as 1')
      .refine((seeds) => new Set(seeds).size === seeds.length, 'name each seed once')
      .default([1])
      .describe(
        'The whole is done once for each seed: the report is on the first, and the scores of all tell the spread that chance makes.',
      ),
    training: z
      .string()
      .min(1)
      .optional()
      .describe('File of training settings, relative to this file. Left out: the defaults.'),
  })
  .refine(({ refit, refitEverySteps }) => refit === 'always' || refitEverySteps !== undefined, {
    path: ['refit'],
    message: 'on-drift looks for drift every so many steps: write refitEverySteps, such as 30',
  });

export type WalkProtocol = z.output<typeof walkProtocolSchema>;
