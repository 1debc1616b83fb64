import { z } from 'zod';
import { durationMs } from './duration.js';

/** Names that become MQTT levels, InfluxDB tags and feature names: no spaces, no separators. */
export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/, 'use 1 to 64 letters, digits, _ or -, not starting with -');

/** What a sensor's readings of one step can be reduced to for the network. */
export const aggregateNames = ['mean', 'std', 'min', 'max', 'first', 'last', 'slope', 'range'] as const;
export type AggregateName = (typeof aggregateNames)[number];

/** What there is of a sensor per step: its features. */
export function aggregatesOf(sensor: Sensor, type: MachineType): readonly AggregateName[] {
  return sensor.aggregates ?? type.aggregates;
}

/** Where a step can lie: what the network sees of it as two features. */
export const calendarNames = ['day-of-week', 'day-of-year', 'time-of-day'] as const;
export type CalendarName = (typeof calendarNames)[number];

export const sensorSchema = z
  .strictObject({
    name: nameSchema.describe('Name in topics, payloads, features and the page.'),
    unit: z
      .string()
      .default('')
      .describe('Unit that readings are stored in, for example "degC", "bar", "mm/s".'),
    min: z.number().optional().describe('Lowest physically possible value, in the unit.'),
    max: z.number().optional().describe('Highest physically possible value, in the unit.'),
    outOfRange: z
      .enum(['reject', 'flag'])
      .default('reject')
      .describe(
        'A value outside min..max: "reject" refuses the reading, "flag" keeps it and marks the step.',
      ),
    aggregates: z
      .array(z.enum(aggregateNames))
      .min(1)
      .optional()
      .describe("What the network sees of this sensor per step; overrides the machine type's `aggregates`."),
    expectedPerStep: z
      .number()
      .positive()
      .default(1)
      .describe('Readings expected in one step; coverage is the number received over this, at most 1.'),
    stuckAfter: z
      .number()
      .int()
      .min(2)
      .optional()
      .describe('A step with at least this many readings, all equal, is flagged as stuck. Default: never.'),
    setting: z
      .boolean()
      .default(false)
      .describe('True for an operating setting (load, speed): it names the operating regime.'),
    forecast: z
      .boolean()
      .default(false)
      .describe(
        'True: the mean of each of its next steps is forecast with an interval, and it is part of the health index. Needs the aggregate `mean`.',
      ),
    lowLimit: z
      .number()
      .optional()
      .describe(
        'Operating limit: forecasts say when the sensor is expected to fall below it. Needs `forecast`.',
      ),
    highLimit: z
      .number()
      .optional()
      .describe(
        'Operating limit: forecasts say when the sensor is expected to rise above it. Needs `forecast`.',
      ),
  })
  .refine((sensor) => sensor.forecast || (sensor.lowLimit ?? sensor.highLimit) === undefined, {
    message: 'an operating limit needs `forecast: true`: without a forecast nothing says when it is passed',
    path: ['forecast'],
  })
  .refine((sensor) => !(sensor.forecast && sensor.setting), {
    message: 'an operating setting is chosen, not forecast: leave out `forecast` or `setting`',
    path: ['forecast'],
  })
  .refine((sensor) => sensor.min === undefined || sensor.max === undefined || sensor.min < sensor.max, {
    message: 'min must be below max',
    path: ['min'],
  });

const stepSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('calendar-day').describe('Days of the plant, from midnight to midnight.'),
    timeZone: z
      .string()
      .default('UTC')
      .describe('IANA time zone of the plant; days with a clock change have 23 or 25 hours.')
      .refine(isTimeZone, 'is not an IANA time zone; write one such as "Europe/Berlin"'),
  }),
  z.strictObject({
    kind: z.literal('fixed').describe('Intervals of equal length.'),
    durationMs: durationMs.describe('Length of a step, aligned to the Unix epoch, such as "1h".'),
  }),
]);

/** One YAML file: all that the pipeline must know about a kind of machine. All features follow from it. */
export const machineTypeSchema = z
  .strictObject({
    name: nameSchema.describe('Name of the machine type.'),
    description: z.string().default('').describe('For people.'),
    sensors: z.array(sensorSchema).min(1).describe('Sensors, in the order of the features.'),
    aggregates: z
      .array(z.enum(aggregateNames))
      .min(1)
      .default(['mean'])
      .describe('What the network sees of each sensor per step.'),
    attributes: z
      .array(
        z.strictObject({
          name: nameSchema.describe('Name of the attribute, such as "model".'),
          values: z
            .array(z.string())
            .min(1)
            .optional()
            .describe('All values that it can have. Left out: it is a number, and a feature as such.'),
          unit: z.string().default('').describe('Of a number, for people.'),
        }),
      )
      .default([])
      .describe('Static attributes of a machine: one-hot features by their possible values, or numbers.'),
    calendar: z
      .array(z.enum(calendarNames))
      .default([])
      .describe(
        'What the network sees of the calendar, in the time zone of the step (UTC for fixed ones): `day-of-week`, `day-of-year`, `time-of-day`, where the load or the weather follow them. Two features each, a point on a circle.',
      ),
    eventCodes: z
      .array(nameSchema)
      .default([])
      .describe('Error codes that machines report; counts per step become features.'),
    maintenanceKinds: z
      .array(nameSchema)
      .default([])
      .describe('Kinds of maintenance or replacement; steps since each become features.'),
    plannedVisits: z
      .strictObject({
        everySteps: z.number().int().min(2).describe('Steps from one visit to the next.'),
      })
      .optional()
      .describe(
        'Machines are maintained at a fixed cadence, counted from their last maintenance of any kind; networks with `task: day-decoder` know the visits to come. Default: nothing is planned.',
      ),
    step: stepSchema.default({ kind: 'calendar-day', timeZone: 'UTC' }).describe('The interval of one step.'),
    graceMs: durationMs
      .default(0)
      .describe('A step closes this long after its end, so that slow readings are still in it.'),
    revisionSteps: z
      .number()
      .int()
      .min(0)
      .max(30)
      .default(2)
      .describe(
        'Readings that are late by up to this many closed steps re-open the step and revise forecasts.',
      ),
    provisionalEveryMs: durationMs
      .optional()
      .describe('Between closings, forecast from the open step this often. Default: never.'),
    windowSteps: z.number().int().min(2).max(365).default(30).describe('Steps the network reads.'),
    contextSteps: z
      .number()
      .int()
      .min(2)
      .max(1000)
      .optional()
      .describe('Steps kept for smoothing before and in the window. Default: twice windowSteps.'),
    horizonSteps: z.number().int().min(1).max(90).default(30).describe('Steps ahead that are forecast.'),
    minimumSteps: z
      .number()
      .int()
      .min(1)
      .default(5)
      .describe(
        'Below this many steps of history no forecast is made from readings: it rests on the age alone where failures end lives, elsewhere the machine is not assessable.',
      ),
    minimumCoverage: z
      .number()
      .min(0)
      .max(1)
      .default(0.3)
      .describe('Mean coverage of the newest five steps below which a machine is not assessable.'),
    failureEndsLife: z
      .boolean()
      .default(true)
      .describe('True: after a failure a machine starts a new life. False: it is repaired and goes on.'),
    retireAfterSteps: z
      .number()
      .int()
      .min(1)
      .default(90)
      .describe('After this many steps without a reading a machine is forgotten until it speaks again.'),
  })
  .superRefine((type, context) => {
    for (const list of ['sensors', 'attributes'] as const) {
      const seen = new Set<string>();
      type[list].forEach((item, index) => {
        if (seen.has(item.name))
          context.addIssue({
            code: 'custom',
            path: [list, index, 'name'],
            message: `"${item.name}" is named twice`,
          });
        seen.add(item.name);
      });
    }
    type.sensors.forEach((sensor, index) => {
      if (sensor.forecast && !(sensor.aggregates ?? type.aggregates).includes('mean'))
        context.addIssue({
          code: 'custom',
          path: ['sensors', index, 'forecast'],
          message: `what is forecast of "${sensor.name}" is its mean over a step: add "mean" to its aggregates`,
        });
    });
    if (type.contextSteps !== undefined && type.contextSteps < type.windowSteps)
      context.addIssue({
        code: 'custom',
        path: ['contextSteps'],
        message: `contextSteps (${type.contextSteps}) must be at least windowSteps (${type.windowSteps})`,
      });
  })
  .transform((type) => ({ ...type, contextSteps: type.contextSteps ?? 2 * type.windowSteps }));

export type MachineType = z.output<typeof machineTypeSchema>;

/** Where the calendar of its steps is; UTC where steps are of a fixed length. */
export function timeZoneOf({ step }: MachineType): string {
  return step.kind === 'calendar-day' ? step.timeZone : 'UTC';
}

/** The time zone of a plant is that of its first machine type. */
export function plantTimeZone(types: Iterable<MachineType>): string {
  for (const type of types) return timeZoneOf(type);
  return 'UTC';
}
export type MachineTypeInput = z.input<typeof machineTypeSchema>;
export type Sensor = MachineType['sensors'][number];

/** The value of an attribute that is a number; NaN where there is none. */
export function attributeNumber(text: string | undefined): number {
  return text === undefined || text.trim() === '' ? Number.NaN : Number(text);
}

/** A machine as the deployment's configuration knows it. */
export interface Machine {
  readonly id: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  /** Attribute name → value; a missing one gives zeros in the one-hot features. */
  readonly attributes: Readonly<Record<string, string>>;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
