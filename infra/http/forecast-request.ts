/** What may be sent to POST /v1/forecast. */
import { z } from 'zod';

/** At most this many sequences in one request: one full run of the network. */
export const sequencesMax = 256;
/** A sequence of the longest context that a machine type may have. */
const rowsMax = 1000;
const readingsMax = 10_000;
/** About 256 sequences of 60 steps and 24 features, with names. */
export const forecastBodyBytesMax = 16 * 1024 * 1024;

/** Features are float32; what is beyond would become infinite. */
const magnitudeMax = 3.4e38;
const number = z.number().min(-magnitudeMax).max(magnitudeMax);
const numberOrNull = number.nullable();
const list = <T extends z.ZodType>(item: T) =>
  z.array(item).min(1, 'is empty: give at least one').max(rowsMax, `at most ${rowsMax}, the newest ones`);

const stepSchema = z.strictObject({
  sensors: z.record(
    z.string(),
    z.union([number, z.array(number).max(readingsMax), z.null()], {
      error: 'write a reading, a list of readings, or null',
    }),
  ),
  events: z.record(z.string(), z.number().int().min(0)).default({}),
  since: z.record(z.string(), z.number().min(0).nullable()).default({}),
});

const forms = ['rows', 'values', 'steps'] as const;

const sequenceSchema = z
  .strictObject({
    /** Given back with the forecast. */
    id: z.string().min(1).max(200).optional(),
    /** Features by name, a row per step, oldest first. */
    rows: list(z.record(z.string(), numberOrNull)).optional(),
    /** Features in the order of GET /v1/models/TYPE, a row per step, oldest first; null is missing. */
    values: list(z.array(numberOrNull)).optional(),
    /** Readings and events of each step, oldest first. */
    steps: list(stepSchema).optional(),
    /** With `steps`: ordinal of the newest in the machine's life, from 0; default: the first of them began it. */
    age: z.number().int().min(0).optional(),
    /** With `steps`: static attributes of the machine. */
    attributes: z.record(z.string(), z.string()).optional(),
  })
  .superRefine((sequence, context) => {
    const given = forms.filter((form) => sequence[form] !== undefined);
    if (given.length !== 1)
      context.addIssue({
        code: 'custom',
        message: `give one of rows, values and steps, got ${given.join(' and ') || 'none'}`,
      });
    for (const name of ['age', 'attributes'] as const)
      if (sequence[name] !== undefined && sequence.steps === undefined)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'goes with steps; elsewhere it is a feature',
        });
  });

export const forecastRequestSchema = z.strictObject({
  /** Machine type; may be left out where there is one only. */
  type: z.string().optional(),
  sequences: z
    .array(sequenceSchema)
    .min(1, 'is empty: give at least one')
    .max(sequencesMax, `at most ${sequencesMax} in a request: send several`),
});

export type ForecastRequest = z.output<typeof forecastRequestSchema>;
export type ForecastSequence = ForecastRequest['sequences'][number];
