/**
 * What the features were like in training: what drift is measured against (`reference.json` in the folder of a version). Counts in bins between
 * quantiles, of the fleet in hundreds and of each machine in tenths; a few kilobytes a machine.
 */
import { z } from 'zod';
import { type FeatureSpec, type History, isMeasured } from '../domain/features.js';

const count = z.number().int().min(0);
const distributionSchema = z.strictObject({
  name: z.string(),
  unit: z.string(),
  /** Ascending; bin i holds the values in (edge i-1, edge i], the last one those above all. At most 99: percentiles. */
  edges: z.array(z.number()),
  /** [edges + 1] rows. */
  counts: z.array(count).min(1),
  missingCount: count,
  /** Every tenth of the edges, or what there is of them: index of the last fine bin of each coarse one, but the last. */
  coarse: z.array(count),
  /** Of the values; 0 without any. */
  mean: z.number(),
  sd: z.number(),
});

export const referenceSchema = z.strictObject({
  formatVersion: z.literal(1),
  machineType: z.string(),
  /** Origins that it was made of. */
  firstMs: z.number(),
  lastMs: z.number(),
  features: z.array(distributionSchema),
  /** Columns of attributes that some machine had: `attr.NAME=VALUE`. */
  attributes: z.array(z.string()),
  /** At most `machinesMax`; the others are in the distributions of the fleet alone. */
  machines: z.array(
    z.strictObject({
      machine: z.string(),
      /** [features][coarse + 2]: rows in each coarse bin, then rows without a value. */
      counts: z.array(z.array(count)),
    }),
  ),
  /** Failures, and days after whose outcome is known: their rate. */
  failures: z.strictObject({ count, days: count }),
  /** What the network said of the machines that judged it: failure probabilities (forecastColumns). */
  forecasts: z.array(distributionSchema).optional(),
});

export type Reference = z.output<typeof referenceSchema>;
export type ReferenceDistribution = Reference['features'][number];

/** Of more machines, only so many have counts of their own, evenly chosen. */
const machinesMax = 1000;
const fineBins = 100;
const coarseBins = 10;

/** From the rows of these histories, by machine and time. Features are those that measure something: no ages, no attributes. */
export function makeReference(spec: FeatureSpec, histories: readonly History[]): Reference {
  const rowsByMachine = new Map<string, Float32Array[]>();
  for (const history of histories) {
    const own = rowsByMachine.get(history.machine);
    if (own) own.push(...rowsOf(spec, history));
    else rowsByMachine.set(history.machine, rowsOf(spec, history));
  }
  const rows = [...rowsByMachine.values()].flat();
  const measured = measuredColumns(spec);
  const columns = measured.map(({ column }) => column);
  const features = measured.map(({ column, name, unit }) =>
    distributionOf(
      name,
      unit,
      rows.map((row) => row[column]!),
    ),
  );
  const names = [...rowsByMachine.keys()].sort();
  const every = Math.max(1, Math.ceil(names.length / machinesMax));
  let [firstMs, lastMs] = [Infinity, -Infinity];
  for (const { originsMs } of histories) {
    firstMs = Math.min(firstMs, originsMs[0] ?? Infinity);
    lastMs = Math.max(lastMs, originsMs.at(-1) ?? -Infinity);
  }
  return {
    formatVersion: 1,
    machineType: spec.machineType,
    firstMs,
    lastMs,
    features,
    attributes: attributesIn(spec, histories),
    machines: names
      .filter((_, index) => index % every === 0)
      .map((machine) => ({
        machine,
        counts: coarseCounts({ features }, columns, rowsByMachine.get(machine) as Float32Array[]),
      })),
    failures: failuresIn(histories),
  };
}

/** Features of a reference, and where they are in a row. */
export function measuredColumns(
  spec: FeatureSpec,
): { readonly column: number; readonly name: string; readonly unit: string }[] {
  return spec.names.flatMap((name, column) =>
    isMeasured(name) ? [{ column, name, unit: spec.units[column] ?? '' }] : [],
  );
}

/** `attr.NAME=VALUE` of the attributes that some row has. */
export function attributesIn(spec: FeatureSpec, histories: readonly History[]): string[] {
  return spec.names.filter(
    (name, column) =>
      name.startsWith('attr.') &&
      name.includes('=') &&
      histories.some(({ rows, stepCount }) => stepCount > 0 && rows[column] === 1),
  );
}

/** What is kept of a forecast: the failure probability by these days. */
export function forecastColumns({
  horizonSteps,
}: Pick<FeatureSpec, 'horizonSteps'>): { readonly name: string; readonly day: number }[] {
  const days = [...new Set([Math.min(7, horizonSteps), horizonSteps])];
  return days.map((day) => ({ name: `forecast.${day}`, day }));
}

/** Of curves [H] of failure probabilities. */
export function forecastReference(
  spec: Pick<FeatureSpec, 'horizonSteps'>,
  curves: readonly ArrayLike<number>[],
): ReferenceDistribution[] {
  return forecastColumns(spec).map(({ name, day }) =>
    distributionOf(
      name,
      '',
      curves.map((curve) => curve[day - 1] as number),
    ),
  );
}

/** The rows of a history, [F] each. */
export function rowsOf({ names }: FeatureSpec, { rows, stepCount }: History): Float32Array[] {
  return Array.from({ length: stepCount }, (_, step) =>
    rows.subarray(step * names.length, (step + 1) * names.length),
  );
}

/** Steps on which a failure came, and steps whose outcome is known. */
export function failuresIn(
  histories: readonly Pick<History, 'eventDay' | 'knownDays'>[],
): Reference['failures'] {
  let [failed, days] = [0, 0];
  for (const { eventDay, knownDays } of histories)
    eventDay.forEach((day, step) => {
      if (day === 1) failed++;
      if (day === 1 || knownDays[step]! >= 1) days++;
    });
  return { count: failed, days };
}

/** [edges + 1] values in each bin, and how many are missing. */
export function countFine(
  { edges }: Pick<ReferenceDistribution, 'edges'>,
  values: Iterable<number>,
): Pick<ReferenceDistribution, 'counts' | 'missingCount'> {
  const counts = new Array<number>(edges.length + 1).fill(0);
  let missingCount = 0;
  for (const value of values)
    if (Number.isNaN(value)) missingCount++;
    else counts[binOf(edges, value)]! += 1;
  return { counts, missingCount };
}

/** Rows in coarse bins from those in fine ones. */
export function coarsen(
  { coarse }: Pick<ReferenceDistribution, 'coarse'>,
  counts: readonly number[],
): number[] {
  const starts = [0, ...coarse.map((last) => last + 1)];
  return starts.map((start, bin) =>
    counts.slice(start, starts[bin + 1] ?? counts.length).reduce((total, value) => total + value, 0),
  );
}

/** [features][coarse + 2] as in a reference. */
export function coarseCounts(
  { features }: Pick<Reference, 'features'>,
  columns: readonly number[],
  rows: readonly Float32Array[],
): number[][] {
  return features.map((feature, index) => {
    const { counts, missingCount } = countFine(
      feature,
      rows.map((row) => row[columns[index] as number]!),
    );
    return [...coarsen(feature, counts), missingCount];
  });
}

function distributionOf(name: string, unit: string, all: readonly number[]): ReferenceDistribution {
  const values = Float64Array.from(all.filter((value) => !Number.isNaN(value))).sort();
  const edges = edgesOf(values);
  const counted = countFine({ edges }, all);
  const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    name,
    unit,
    edges,
    ...counted,
    coarse: coarseOf(counted.counts, values.length),
    mean,
    sd: values.length === 0 ? 0 : Math.sqrt(square / values.length),
  };
}

/** Percentiles, each once; the largest value is no edge, as nothing lies above it. */
function edgesOf(ascending: Float64Array): number[] {
  const edges = new Set<number>();
  for (let i = 1; i < fineBins; i++) {
    const edge = ascending[Math.ceil((i * ascending.length) / fineBins) - 1];
    if (edge !== undefined && edge < ascending.at(-1)!) edges.add(edge);
  }
  return [...edges];
}

/** The fine bins after which a tenth of the rows is full. */
function coarseOf(counts: readonly number[], total: number): number[] {
  const coarse: number[] = [];
  let [sum, next] = [0, 1];
  counts.slice(0, -1).forEach((inBin, bin) => {
    sum += inBin;
    if (sum < (next * total) / coarseBins - 1e-9) return;
    coarse.push(bin);
    next = Math.floor((sum * coarseBins) / total + 1e-9) + 1;
  });
  return coarse;
}

function binOf(edges: readonly number[], value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
