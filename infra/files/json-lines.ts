/**
 * Reads history from JSON lines:
 *
 *     {"time": "2026-01-01T12:00:00Z", "machine": "press-1", "values": {"vibration": 2.1, "temperature": 61}}
 *     {"time": "2026-01-03T08:00:00Z", "machine": "press-1", "event": "failure", "code": "bearing"}
 *
 * Lines that cannot be used are counted with their reason and the first example.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import { eventKinds } from '../../domain/input.js';
import { DatasetBuilder } from './dataset-builder.js';
import type { JsonLinesConfig } from './dataset-config.js';
import { readLines } from './open-text.js';
import { parseTimeMs } from './parse-time.js';
import { SkippedCounter } from './skipped.js';

const lineSchema = z.object({
  time: z.union([z.string(), z.number()]),
  machine: z.string().min(1),
  values: z.record(z.string(), z.number().nullable()).optional(),
  event: z.enum(eventKinds).optional(),
  code: z.string().default(''),
  alert: z.string().default(''),
  fault: z.string().default(''),
});

export async function readJsonLines(config: JsonLinesConfig, baseDir: string): Promise<Dataset> {
  const builder = new DatasetBuilder();
  const skipped = new SkippedCounter();
  for (const name of config.files) {
    const file = resolve(baseDir, name);
    let number = 0;
    for await (const text of readLines(file)) {
      number++;
      if (text.trim() === '') continue;
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch (error) {
        skipped.add('bad-json', file, number, String(error));
        continue;
      }
      const parsed = lineSchema.safeParse(json);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        const field = issue?.path[0];
        const reason =
          field === 'time'
            ? 'bad-time'
            : field === 'machine'
              ? 'bad-machine'
              : field === 'event'
                ? 'bad-event'
                : 'bad-value';
        skipped.add(
          reason,
          file,
          number,
          `${String(field ?? 'line')}: ${issue?.message ?? 'not as expected'}`,
        );
        continue;
      }
      const { time, machine, values, event, ...about } = parsed.data;
      const timeMs = parseTimeMs(String(time), config.timeFormat, config.timeZone);
      if (timeMs === undefined) {
        skipped.add('bad-time', file, number, `"${time}" is not a time written as ${config.timeFormat}`);
        continue;
      }
      const present = Object.entries(values ?? {}).filter(
        (entry): entry is [string, number] => entry[1] !== null,
      );
      if (present.length > 0) builder.addReadings(machine, timeMs, present);
      if (event !== undefined) builder.addEvent({ machine, timeMs, event, ...about });
      else if (present.length === 0) skipped.add('no-value', file, number, 'neither values nor an event');
    }
  }
  if (builder.rowCount === 0) {
    const [first] = skipped.list();
    throw new UserError(
      `the data set "${config.name}" has no line that can be used${first === undefined ? '; are the files empty?' : `: ${first.first}`}`,
    );
  }
  return builder.finish(config.name, skipped);
}
