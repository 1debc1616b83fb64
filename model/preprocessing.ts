/**
 * What the network must know about its inputs before it sees them: which features vary, their means and spreads
 * (per operating regime), which can be missing. Fitted on the training machines only; stored beside the weights.
 * The arithmetic itself is in preprocessing-graph.ts, the same nodes for training and for serving.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../domain/errors.js';
import { type FeatureSpec, type History, isCount, isMeasured } from '../domain/features.js';
import type { Rng } from '../domain/rng.js';
import { maintenanceColumns } from './known-future.js';
import { assignRegime, findRegimes, regimesSchema } from './regimes.js';

export const preprocessingSchema = z.strictObject({
  formatVersion: z.literal(1),
  spec: z.strictObject({
    machineType: z.string(),
    names: z.array(z.string()).min(1),
    units: z.array(z.string()),
    settingColumns: z.array(z.number().int().min(0)),
    windowSteps: z.number().int().min(1),
    contextSteps: z.number().int().min(1),
    horizonSteps: z.number().int().min(1),
    plannedVisits: z.strictObject({ everySteps: z.number().int().min(2) }).optional(),
  }),
  /** Columns that the network reads, ascending; the others never varied in training. */
  keptColumns: z.array(z.number().int().min(0)).min(1),
  /** Columns, of those kept, whose smoothed means are inputs too. */
  smoothedColumns: z.array(z.number().int().min(0)),
  /** Columns, of those kept, that were sometimes missing in training: the network is told when they are. */
  maskedColumns: z.array(z.number().int().min(0)),
  /** Weights of the newest step in the exponentially weighted means. */
  smoothingAlphas: z.array(z.number().gt(0).lt(1)),
  /** Steps by which the smoothed columns are inputs a second time, as they were then; left out: none. */
  lagSteps: z.array(z.number().int().min(1)).optional(),
  /** Steps over which the change of the smoothed columns is an input; left out: none. */
  differenceSteps: z.array(z.number().int().min(1)).optional(),
  /** Standardised values are cut to ± this. */
  clipSds: z.number().positive(),
  regimes: regimesSchema,
  /** For a day decoder: steps since the last maintenance, the least of these columns, one-hot up to this many. */
  visitAge: z
    .strictObject({ columns: z.array(z.number().int().min(0)).min(1), steps: z.number().int().min(1) })
    .optional(),
  /** For hazards by cause: the columns of steps since the maintenance of each cause, and the scales of exp(−steps / scale). */
  causes: z
    .strictObject({
      columns: z.array(z.number().int().min(0)).min(1),
      scales: z.array(z.number().positive()).min(1),
    })
    .optional(),
  /** [regime][kept column]. A spread of 0 (constant in that regime) gives 0. */
  means: z.array(z.array(z.number())).min(1),
  sds: z.array(z.array(z.number().min(0))).min(1),
});
export type Preprocessing = z.output<typeof preprocessingSchema>;

/** Hash of all of it: a change anywhere is another preprocessing. */
export function hashPreprocessing(preprocessing: object): string {
  return createHash('sha256').update(JSON.stringify(preprocessing)).digest('hex');
}

/** Number of inputs of the network at one step. */
export function inputSize({
  keptColumns,
  smoothedColumns,
  maskedColumns,
  smoothingAlphas,
  lagSteps = [],
  differenceSteps = [],
}: Preprocessing): number {
  const perMeasured = smoothingAlphas.length + lagSteps.length + differenceSteps.length;
  return keptColumns.length + smoothedColumns.length * perMeasured + maskedColumns.length;
}

export interface FitOptions {
  readonly smoothingAlphas: readonly number[];
  readonly clipSds: number;
  readonly lagSteps?: readonly number[];
  readonly differenceSteps?: readonly number[];
  /** Default: 0. */
  readonly visitAgeSteps?: number;
  /** Where the network has hazards by cause. Their clocks, and those of all other maintenance, are no inputs of a step then. */
  readonly causes?: Preprocessing['causes'];
}

/** Statistics of all rows of `histories`, which are the training machines'. */
export function fitPreprocessing(
  spec: FeatureSpec,
  histories: readonly History[],
  options: FitOptions,
  rng: Rng,
): Preprocessing {
  const { visitAgeSteps = 0 } = options;
  const visitColumns = maintenanceColumns(spec);
  const regimes = findRegimes(spec, histories, rng);
  const regimeCount = Math.max(1, regimes.centroids.length);
  const width = spec.names.length;
  const overall = new Moments(1, width);
  const perRegime = new Moments(regimeCount, width);
  const missing = new Uint8Array(width);
  for (const history of histories)
    for (let step = 0; step < history.stepCount; step++) {
      const row = history.rows.subarray(step * width, (step + 1) * width);
      const regime = assignRegime(regimes, row);
      for (let column = 0; column < width; column++) {
        const value = row[column]!;
        if (Number.isNaN(value)) missing[column] = 1;
        else {
          overall.add(0, column, value);
          perRegime.add(regime, column, value);
        }
      }
    }

  const settings = new Set(spec.settingColumns);
  const columns = spec.names.map((_, column) => column);
  const measured = (column: number) => isMeasured(spec.names[column]!) && !settings.has(column);
  const byRegime = (column: number) => regimeCount > 1 && measured(column) && !isCount(spec.names[column]!);
  const clocks = new Set(options.causes ? visitColumns : []);
  const keptColumns = columns.filter((column) =>
    clocks.has(column)
      ? false
      : byRegime(column)
        ? Array.from({ length: regimeCount }, (_, regime) => perRegime.sd(regime, column)).some(
            (sd) => sd > 0,
          )
        : overall.sd(0, column) > 0,
  );
  const rows = Array.from({ length: regimeCount }, (_, regime) =>
    keptColumns.map((column) => {
      // A regime that was hardly seen has no statistics of its own.
      const own = byRegime(column) && perRegime.count(regime, column) >= 30;
      const [moments, index] = own ? ([perRegime, regime] as const) : ([overall, 0] as const);
      return { mean: moments.mean(index, column), sd: moments.sd(index, column) };
    }),
  );
  return {
    formatVersion: 1,
    spec: {
      machineType: spec.machineType,
      names: [...spec.names],
      units: [...spec.units],
      settingColumns: [...spec.settingColumns],
      windowSteps: spec.windowSteps,
      contextSteps: spec.contextSteps,
      horizonSteps: spec.horizonSteps,
      ...(spec.plannedVisits ? { plannedVisits: { ...spec.plannedVisits } } : {}),
    },
    keptColumns,
    smoothedColumns: keptColumns.filter(measured),
    maskedColumns: keptColumns.filter((column) => missing[column] === 1),
    smoothingAlphas: [...options.smoothingAlphas],
    ...stepsWithin('lagSteps', options.lagSteps, spec),
    ...stepsWithin('differenceSteps', options.differenceSteps, spec),
    clipSds: options.clipSds,
    regimes,
    ...(visitColumns.length > 0 && visitAgeSteps > 0
      ? { visitAge: { columns: [...visitColumns], steps: visitAgeSteps } }
      : {}),
    ...(options.causes ? { causes: options.causes } : {}),
    means: rows.map((row) => row.map(({ mean }) => mean)),
    sds: rows.map((row) => row.map(({ sd }) => sd)),
  };
}

/** Nothing where there are none, so that preprocessing without them is what it always was. */
function stepsWithin(
  name: 'lagSteps' | 'differenceSteps',
  steps: readonly number[] | undefined,
  { contextSteps }: FeatureSpec,
): { readonly [Name in typeof name]?: number[] } {
  const tooFar = steps?.find((each) => each >= contextSteps);
  if (tooFar !== undefined)
    throw new UserError(
      `\`${name}\` has ${tooFar}: the network is given ${contextSteps} steps. Take fewer, or raise the machine type's contextSteps.`,
    );
  return steps && steps.length > 0 ? { [name]: [...steps] } : {};
}

/** Welford's running means and variances, one per (group, column). */
class Moments {
  readonly #columns: number;
  readonly #counts: Float64Array;
  readonly #means: Float64Array;
  readonly #m2: Float64Array;

  constructor(groups: number, columns: number) {
    this.#columns = columns;
    this.#counts = new Float64Array(groups * columns);
    this.#means = new Float64Array(groups * columns);
    this.#m2 = new Float64Array(groups * columns);
  }

  add(group: number, column: number, value: number): void {
    const at = group * this.#columns + column;
    this.#counts[at]! += 1;
    const delta = value - this.#means[at]!;
    this.#means[at]! += delta / this.#counts[at]!;
    this.#m2[at]! += delta * (value - this.#means[at]!);
  }

  count(group: number, column: number): number {
    return this.#counts[group * this.#columns + column]!;
  }

  mean(group: number, column: number): number {
    return this.#means[group * this.#columns + column]!;
  }

  /** 0 where rounding alone could have made the spread: readings are float32. */
  sd(group: number, column: number): number {
    const at = group * this.#columns + column;
    const sd = this.#counts[at]! > 1 ? Math.sqrt(this.#m2[at]! / this.#counts[at]!) : 0;
    return sd > 1e-6 * Math.abs(this.#means[at]!) ? sd : 0;
  }
}
