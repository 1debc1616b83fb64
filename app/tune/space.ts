/** What a search varies: fields of the training settings, each with its values. */
import { z } from 'zod';
import { UserError } from '../../domain/errors.js';
import { type TrainingConfig, trainingConfigSchema } from '../../model/config.js';

const rangeSchema = z
  .strictObject({
    from: z.number().describe('Least value.'),
    to: z.number().describe('Greatest value.'),
    scale: z
      .enum(['linear', 'log'])
      .default('linear')
      .describe('`log`: a factor of two is as far everywhere, as for learning rates.'),
    integer: z.boolean().default(false).describe('Whole numbers only.'),
    points: z.number().int().min(2).default(5).describe('How many of its values a grid has.'),
  })
  .refine(({ from, to }) => from < to, { message: '`from` must be below `to`' })
  .refine(({ scale, from }) => scale === 'linear' || from > 0, {
    message: '`scale: log` needs `from` above 0',
  });

/** `field: [values]`, or `field: { from, to }`. */
export const searchSpaceSchema = z.record(z.string(), z.union([z.array(z.json()).min(1), rangeSchema]));

export type SearchSpace = z.output<typeof searchSpaceSchema>;
export type Dimension = SearchSpace[string];
export type Value = z.output<ReturnType<typeof z.json>>;
/** Field → value. */
export type Settings = Readonly<Record<string, Value>>;

/** The settings with these fields in place of theirs. Throws UserError that names the field. */
export function withSettings(base: TrainingConfig, settings: Settings): TrainingConfig {
  const result = trainingConfigSchema.safeParse({ ...base, ...settings });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = String(issue?.path[0] ?? Object.keys(settings)[0]);
  const known = Object.keys(trainingConfigSchema.shape);
  throw new UserError(
    known.includes(field)
      ? `the search space gives \`${field}\` the value ${JSON.stringify(settings[field])}: ${issue?.message}`
      : `the search space names ${issue?.message.replace('Unrecognized key: ', '') ?? field}, which is no training setting: use ${known.join(', ')}`,
  );
}

/** Tries the ends of every dimension, so that a mistake is told before the first training. */
export function checkSpace(base: TrainingConfig, space: SearchSpace): void {
  if (Object.keys(space).length === 0)
    throw new UserError('the search space is empty: name a training setting');
  for (const [field, dimension] of Object.entries(space))
    for (const value of Array.isArray(dimension) ? dimension : [dimension.from, dimension.to])
      withSettings(base, { [field]: value });
}

/** All values of a list; `points` of a range, ends included. */
export function gridValues(dimension: Dimension): readonly Value[] {
  if (Array.isArray(dimension)) return dimension;
  const { points } = dimension;
  const values = Array.from({ length: points }, (_, index) => valueAt(dimension, index / (points - 1)));
  return [...new Set(values)];
}

export type Range = Exclude<Dimension, readonly Value[]>;

/** The value at `share` of the way, in [0, 1]. */
export function valueAt({ from, to, scale, integer }: Range, share: number): number {
  const value = scale === 'log' ? from * (to / from) ** share : from + share * (to - from);
  const inside = Math.min(to, Math.max(from, value));
  // Nine digits are enough for anybody, and do not show the rounding of the logarithm.
  return integer ? Math.round(inside) : Number(inside.toPrecision(9));
}

/** The inverse of valueAt. */
export function shareOf({ from, to, scale }: Range, value: number): number {
  return scale === 'log' ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
}
