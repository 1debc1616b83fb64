import { z } from 'zod';
import { durationMs } from '../../domain/duration.js';
import { secretSchema } from '../../domain/secret.js';

const nameSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'use 1 to 64 letters, digits, _ or -');

export const influxConfigSchema = z.strictObject({
  url: z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
      message: 'write an address such as http://influxdb:8086',
    })
    .describe('Address of InfluxDB: http:// or https://, with its port.'),
  database: nameSchema.default('millwright').describe('Database; it is made when it is not there.'),
  retentionPolicy: nameSchema
    .default('results')
    .describe('Retention policy that results are written to; it is made when it is not there.'),
  retentionMs: durationMs
    .refine((ms) => ms >= 3_600_000, 'InfluxDB keeps nothing for less than "1h"')
    .optional()
    .describe(
      'How long results are kept; longer than the horizon of the forecasts. Left out: for ever. A change takes effect with `millwright infra init`.',
    ),
  username: z.string().min(1).optional().describe('User name for InfluxDB.'),
  password: secretSchema
    .optional()
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a person writes in YAML.
    .describe('Password, or the token of InfluxDB 2 and 3; write ${NAME} and keep it in the environment.'),
  caFile: z
    .string()
    .optional()
    .describe('PEM file of the authority that signed the certificate of InfluxDB.'),
  sensorFields: z
    .array(z.enum(['mean', 'min', 'max', 'first', 'last']))
    .default(['mean'])
    .describe('Which aggregates of each sensor become fields of their own, for dashboards.'),
  batchPoints: z.number().int().min(1).max(100_000).default(5000).describe('Points in one request at most.'),
  connections: z.number().int().min(1).max(64).default(4).describe('Requests under way at once at most.'),
  compression: z
    .enum(['auto', 'gzip', 'none'])
    .default('auto')
    .describe('Of requests; "auto" is gzip, unless InfluxDB is on this computer.'),
  timeoutMs: durationMs.default(30_000).describe('An answer that takes longer counts as none.'),
  spoolBytesMax: z
    .number()
    .int()
    .min(1_000_000)
    .default(1_000_000_000)
    .describe(
      'While InfluxDB is away results wait on disk, up to this many bytes; when they are full, in the log.',
    ),
});
export type InfluxConfig = z.output<typeof influxConfigSchema>;
