/** preprocessing.json of a value network: what it is told, which sensors it forecasts, and what is usual for them. */
import { z } from 'zod';
import { preprocessingSchema } from '../preprocessing.js';
import { healthSchema } from './health.js';

export const valuePreprocessingSchema = z.strictObject({
  formatVersion: z.literal(1),
  spec: preprocessingSchema.shape.spec,
  network: preprocessingSchema,
  /** In the order of the model's outputs. */
  sensors: z
    .array(z.strictObject({ name: z.string(), unit: z.string(), column: z.number().int().min(0) }))
    .min(1),
  /** null: there were too few healthy rows to know what is usual. */
  health: healthSchema.nullable(),
});
export type ValuePreprocessing = z.output<typeof valuePreprocessingSchema>;

const valueFamily = 'values';

/** Versions of value networks begin so, and no others do. */
export function valueFamilyOf(cell: string): string {
  return `${valueFamily}-${cell}`;
}

export function isValueVersion(version: string): boolean {
  return version.startsWith(`${valueFamily}-`);
}
