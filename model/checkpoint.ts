/**
 * All that an unfinished training needs to go on as if nothing had happened: bit for bit the network that it would have
 * become. Taken right after a validation. As text it is JSON, with float arrays in base64.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../domain/errors.js';
import type { FeatureSpec, History } from '../domain/features.js';
import type { TrainingConfig } from './config.js';
import { hashHistories } from './data-fingerprint.js';
import type { TrainingProgress } from './trained-network.js';

/** Keeps the newest checkpoint of one training. */
export interface CheckpointStore {
  /** undefined: there is none to go on from. */
  load(): Promise<Checkpoint | undefined>;
  save(checkpoint: Checkpoint): Promise<void>;
}

const float32 = z.codec(
  z.base64(),
  z.custom<Float32Array>((value) => value instanceof Float32Array),
  {
    decode: (text) => new Float32Array(toBuffer(Buffer.from(text, 'base64'))),
    encode: (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
  },
);
/** NaN and infinities survive, as they would not in JSON. */
const float64List = z.codec(z.base64(), z.array(z.number().or(z.nan())), {
  decode: (text) => [...new Float64Array(toBuffer(Buffer.from(text, 'base64')))],
  encode: (values) => Buffer.from(Float64Array.from(values).buffer).toString('base64'),
});
const rngState = z.strictObject({
  generator: z.array(z.number()).readonly(),
  spareNormal: z.number().nullable(),
});

const checkpointSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** What was being trained: going on with anything else is refused. */
  about: z.strictObject({
    config: z.record(z.string(), z.unknown()),
    seed: z.number(),
    spec: z.string(),
    data: z.string(),
  }),
  /** Steps done. */
  step: z.number().int().min(1),
  /** Highest rate of this attempt; lower than the configuration's in a retry. */
  learningRate: z.number().positive(),
  parameters: float32,
  moment1: float32,
  moment2: float32,
  average: float32,
  schedule: z.strictObject({
    share: z.number(),
    bestLoss: z.number().nullable(),
    badCount: z.number().int(),
  }),
  best: z.strictObject({
    parameters: float32,
    step: z.number().int(),
    score: z.strictObject({ loss: z.number(), brier: float64List.readonly(), meanBrier: z.number() }),
  }),
  /** Validations in a row without a better loss. */
  fruitless: z.number().int(),
  /** Draws the batch that comes next. */
  feeds: z.strictObject({ batches: rngState, dropout: rngState }),
  elapsedMs: z.number(),
  log: z.array(z.custom<TrainingProgress>((value) => typeof value === 'object')),
});
export type Checkpoint = z.output<typeof checkpointSchema>;
export type CheckpointAbout = Checkpoint['about'];

export function describeTraining(
  spec: FeatureSpec,
  histories: readonly History[],
  config: TrainingConfig,
  seed: number,
): CheckpointAbout {
  const ofSpec = createHash('sha256').update(JSON.stringify(spec)).digest('hex');
  return { config: { ...config }, seed, spec: ofSpec, data: hashHistories(histories) };
}

/** Throws UserError that names the first thing in which two trainings differ. */
export function checkSameTraining(unfinished: CheckpointAbout, wanted: CheckpointAbout): void {
  const other = (what: string) =>
    new UserError(
      `The unfinished training cannot go on: ${what}. Give it what it began with, or leave out --resume to begin anew.`,
    );
  const names = new Set([...Object.keys(unfinished.config), ...Object.keys(wanted.config)]);
  for (const name of names) {
    const [before, now] = [unfinished.config[name], wanted.config[name]].map((value) =>
      JSON.stringify(value),
    );
    if (before !== now) throw other(`it began with \`${name}: ${before}\`, now it is ${now}`);
  }
  if (unfinished.seed !== wanted.seed)
    throw other(`it began with seed ${unfinished.seed}, now it is ${wanted.seed}`);
  if (unfinished.spec !== wanted.spec)
    throw other('the features of the machine type are others than those it began with');
  if (unfinished.data !== wanted.data) throw other('the history is another than the one it began with');
}

export function encodeCheckpoint(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpointSchema.encode(checkpoint));
}

/** Throws UserError where the text is no checkpoint of this version. `file` says whose text it is. */
export function decodeCheckpoint(text: string, file: string): Checkpoint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${file} is not whole; leave out --resume to begin anew.`);
  }
  const result = checkpointSchema.safeDecode(value as z.input<typeof checkpointSchema>);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(
    `${file} cannot be resumed from (${issue?.path.join('.')}: ${issue?.message}); leave out --resume to begin anew.`,
  );
}

/** Bytes on a buffer of their own, aligned for any element. */
function toBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
