/** What a data-set file (YAML) may say: where history lies and which column means what. */
import { z } from 'zod';
import { durationMs } from '../../domain/duration.js';
import { eventKinds } from '../../domain/input.js';
import { nameSchema } from '../../domain/machine-type.js';
import { cmapssSubsets } from './cmapss.js';
import { timeFormats } from './parse-time.js';

const columnsOfEveryTable = {
  file: z
    .string()
    .min(1)
    .describe('CSV file, plain or .gz, relative to this file; the first row names the columns.'),
  delimiter: z
    .string()
    .length(1)
    .optional()
    .describe('Between columns. Default: found out from the first rows.'),
  time: z.string().min(1).default('time').describe('Column with the time.'),
  timeFormat: z
    .enum(timeFormats)
    .default('iso')
    .describe('How times are written: ISO 8601, or a number of s, ms, us or ns since 1970.'),
  timeZone: z.string().default('UTC').describe('IANA time zone of ISO times without an offset.'),
  shiftMs: durationMs
    .default(0)
    .describe(
      'Added to every time, such as "30h" where the row named d is complete, and known, at 06:00 of d + 1.',
    ),
  machine: z.string().min(1).default('machine').describe('Column with the machine id.'),
  machinePrefix: z.string().default('').describe('Put before every machine id, such as "machine-".'),
  where: z
    .strictObject({
      column: z.string().min(1).describe('Column that is looked at.'),
      equals: z.string().describe('Only rows with this text in it are read.'),
    })
    .optional()
    .describe('Reads only some rows.'),
};

const readingsTableSchema = z.strictObject({
  ...columnsOfEveryTable,
  layout: z
    .enum(['wide', 'long'])
    .default('wide')
    .describe('"wide": a column per sensor. "long": a row per value, with a column that names the sensor.'),
  sensors: z
    .record(z.string(), nameSchema)
    .optional()
    .describe(
      'Column (wide) or word (long) → sensor name; what is not named is left out. Default: all others, under their own names.',
    ),
  sensor: z
    .string()
    .min(1)
    .default('sensor')
    .describe('With layout long: column with the name of the sensor.'),
  value: z.string().min(1).default('value').describe('With layout long: column with the value.'),
  missing: z
    .array(z.string())
    .default(['', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL'])
    .describe('Texts that mean that there is no value.'),
});

const eventsTableSchema = z.strictObject({
  ...columnsOfEveryTable,
  event: z
    .string()
    .min(1)
    .default('event')
    .describe('Column with the kind of event; not used with `eventIs`.'),
  eventIs: z.enum(eventKinds).optional().describe('All rows are events of this kind.'),
  code: z
    .string()
    .default('code')
    .describe('Column with the error code, the kind of maintenance or what failed; "" for none.'),
  alert: z.string().min(1).optional().describe('Column with the id of the alert that feedback is about.'),
  fault: z.string().min(1).optional().describe('Column with the code of the fault that feedback names.'),
});

/** Columns of a table, after the schema. */
export type ReadingsTable = z.output<typeof readingsTableSchema>;
export type EventsTable = z.output<typeof eventsTableSchema>;

export const datasetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cmapss').describe("NASA's C-MAPSS turbofan files; a cycle is a day."),
    dir: z.string().min(1).describe('Folder of the files, relative to this file.'),
    subset: z.enum(cmapssSubsets).default('FD001').describe('Which of the four sets.'),
    part: z
      .enum(['train', 'test'])
      .default('train')
      .describe('"train": run to failure. "test": cut off before it.'),
  }),
  z.strictObject({
    kind: z.literal('csv').describe('Tables of readings and events.'),
    name: z.string().default('CSV files').describe('For people.'),
    readings: z.array(readingsTableSchema).min(1).describe('Tables of readings.'),
    events: z
      .array(eventsTableSchema)
      .default([])
      .describe('Tables of failures, errors, maintenance and feedback.'),
    machines: z
      .strictObject({
        file: columnsOfEveryTable.file,
        delimiter: columnsOfEveryTable.delimiter,
        machine: columnsOfEveryTable.machine,
        machinePrefix: columnsOfEveryTable.machinePrefix,
        attributes: z.record(z.string(), nameSchema).describe('Column → attribute name.'),
      })
      .optional()
      .describe('Table of static attributes, a row per machine.'),
  }),
  z.strictObject({
    kind: z.literal('json-lines').describe('One JSON object a line.'),
    name: z.string().default('JSON lines').describe('For people.'),
    files: z.array(z.string().min(1)).min(1).describe('Files, plain or .gz, relative to this file.'),
    timeFormat: columnsOfEveryTable.timeFormat,
    timeZone: columnsOfEveryTable.timeZone,
  }),
]);

/** A whole data-set file, after the schema. */
export type DatasetConfig = z.output<typeof datasetSchema>;
export type CsvConfig = Extract<DatasetConfig, { kind: 'csv' }>;
export type JsonLinesConfig = Extract<DatasetConfig, { kind: 'json-lines' }>;
