import { z } from 'zod';
import { durationMs } from '../domain/duration.js';
import { templateProblem } from './topic-template.js';

/** Units that a time may be published in. `iso` is ISO 8601 with an offset, such as "2024-05-01T06:00:00Z". */
export const timeUnits = ['s', 'ms', 'us', 'ns', 'iso'] as const;
export type TimeUnit = (typeof timeUnits)[number];

const timeFieldSchema = z
  .string()
  .min(1)
  .refine((name) => !(name in {}), 'is a name that every JavaScript object has; choose another');

const topicSchema = z
  .strictObject({
    template: z
      .string()
      .describe(
        'Levels of the topic: {machine} and, where the topic has them, {site}, {line}, {type}, {sensor}; + for a ' +
          'level of no meaning. A level is a placeholder or literal text, such as "factory/{site}/{line}/{machine}".',
      ),
    kind: z
      .enum(['readings', 'events'])
      .default('readings')
      .describe('What the messages of this topic hold: sensor readings, or events of the machine.'),
    timeField: timeFieldSchema.optional().describe('Overrides `timeField` for this topic.'),
    timeUnit: z.enum(timeUnits).optional().describe('Overrides `timeUnit` for this topic.'),
  })
  .superRefine((topic, context) => {
    const problem = templateProblem(topic.template, topic.kind);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: ['template'], message: problem });
  });

const sparkplugSchema = z.strictObject({
  hostId: z
    .string()
    .regex(/^[^/+#]+$/, 'must not hold /, + or #')
    .default('millwright')
    .describe('Our name as a host application: edge nodes may wait for its STATE.'),
  rebirthEveryMs: durationMs
    .default(10_000)
    .describe('An edge node whose messages have a gap is asked for its births no more often than this.'),
});

/** Where readings and events come from and what is refused. Durations are written as "5m". */
export const ingestConfigSchema = z.strictObject({
  topics: z
    .array(topicSchema)
    .min(1)
    .default([
      { template: 'factory/{site}/{line}/{machine}/{sensor}', kind: 'readings' },
      { template: 'factory/{site}/{line}/{machine}', kind: 'readings' },
      { template: 'factory/{site}/{line}/{machine}/event', kind: 'events' },
    ])
    .describe(
      'Topics that carry readings and events. Where two fit a topic, the one with more literal levels counts.',
    ),
  sparkplug: sparkplugSchema
    .optional()
    .describe(
      'Takes Sparkplug B as well (spBv1.0/…): the group is the site, the edge node the line, the device the machine, a ' +
        'metric the sensor of its name. Metrics of an edge node itself belong to the machine of its name. `{}` is enough.',
    ),
  timeField: timeFieldSchema
    .default('time')
    .describe('Field that holds the event time. Without it, the time of arrival counts.'),
  timeUnit: z
    .enum(timeUnits)
    .default('ms')
    .describe(
      'Unit of the event time: since the Unix epoch, or ISO 8601. Kept as whole milliseconds. Never guessed: a time ' +
        'that fits another unit much better is refused with a hint.',
    ),
  units: z
    .record(z.string(), z.string())
    .default({})
    .describe(
      'Sensor → unit it is published in, where that is not the unit of the machine type; "type/sensor" for the ' +
        'sensor of one type. Readings are converted. "degC", "degF", "K" are temperatures, not differences.',
    ),
  ignoreFields: z
    .array(z.string())
    .default([])
    .describe('Payload fields that are neither a sensor nor the time, such as "seq"; without effect.'),
  payloadBytesMax: z
    .number()
    .int()
    .min(64)
    .max(16_777_216)
    .default(262_144)
    .describe('Longer payloads are rejected. 256 KiB of readings stay below 1 MiB as a record of the log.'),
  readingsMax: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('A message with more readings or events than this is rejected whole.'),
  depthMax: z
    .number()
    .int()
    .min(2)
    .max(100)
    .default(8)
    .describe('JSON nested deeper than this is rejected before it is parsed.'),
  tooOldMs: durationMs
    .optional()
    .describe('Readings and events older than this on arrival are rejected. Default: never.'),
  futureToleranceMs: durationMs
    .default(300_000)
    .describe('How far a machine clock may run ahead; times later than this are rejected.'),
  time: z
    .enum(['wall', 'messages'])
    .default('wall')
    .describe(
      '"wall": the clock of this computer. "messages": messages on millwright/clock ({"timeMs": …}) move the ' +
        'time, for replays and demonstrations; nothing is then in the future.',
    ),
  tickEveryMs: durationMs
    .default(10_000)
    .describe('How often the time is written to the log; silence of machines is seen this fast.')
    .refine((value) => value >= 1, 'must be at least 1ms'),
});
export type IngestConfig = z.output<typeof ingestConfigSchema>;
export type IngestConfigInput = z.input<typeof ingestConfigSchema>;
export type TopicConfig = IngestConfig['topics'][number];
