/** What a version came from. */
import { z } from 'zod';

/** What a parent was to its child: it taught it, was averaged into it, or is the same in float32. */
const parentSchema = z.strictObject({
  version: z.string(),
  as: z.enum(['teacher', 'member', 'float32']),
});

export const lineageSchema = z.strictObject({
  /** Versions that it was made with. */
  parents: z.array(parentSchema).readonly(),
  /** A DataFingerprint; left out where it is not known, or its members learned from different data. */
  data: z
    .strictObject({
      machineCount: z.number().int(),
      firstMs: z.number(),
      lastMs: z.number(),
      hash: z.string(),
    })
    .optional(),
  /** Settings of its training, and the draw. */
  config: z.record(z.string(), z.unknown()).optional(),
  seed: z.number().optional(),
  /** Where its weights were made, in words, if not here. */
  source: z.string().optional(),
});
export type Lineage = z.output<typeof lineageSchema>;

/** What all of them have in common: an ensemble's members differ in their seeds. */
export function commonLineage(lineages: readonly (Lineage | undefined)[]): Omit<Lineage, 'parents'> {
  const common = <Key extends 'data' | 'config'>(key: Key): Pick<Lineage, Key> | object => {
    const [first, ...others] = lineages.map((lineage) => lineage?.[key]);
    const text = JSON.stringify(first);
    return first !== undefined && others.every((other) => JSON.stringify(other) === text)
      ? { [key]: first }
      : {};
  };
  return { ...common('data'), ...common('config') };
}
