/**
 * Operating regimes: machines that run at a few distinct settings (C-MAPSS FD002 flies at six) need their sensors
 * standardised per setting, or the regime drowns the wear. k-means on the setting columns; one regime where the
 * settings do not fall into tight clusters.
 */
import { z } from 'zod';
import type { FeatureSpec, History } from '../domain/features.js';
import type { Rng } from '../domain/rng.js';

export const regimesSchema = z.strictObject({
  /** Setting columns that vary; empty when there is one regime. */
  columns: z.array(z.number().int().min(0)),
  /** Per column: settings are standardised before distances are taken; a missing one counts as the mean. */
  means: z.array(z.number()),
  sds: z.array(z.number().positive()),
  /** [regime][column], standardised. Empty when there is one regime. */
  centroids: z.array(z.array(z.number())),
});
export type Regimes = z.output<typeof regimesSchema>;

const oneRegime: Regimes = { columns: [], means: [], sds: [], centroids: [] };
const regimesMax = 10;
/** Clusters are regimes when they leave less than this share of the settings' variance unexplained. */
const looseShareMax = 0.01;
const sampleMax = 4000;

export function findRegimes(spec: FeatureSpec, histories: readonly History[], rng: Rng): Regimes {
  if (spec.settingColumns.length === 0) return oneRegime;
  const width = spec.names.length;
  const rows: Float32Array[] = [];
  for (const { rows: values, stepCount } of histories)
    for (let step = 0; step < stepCount; step++) {
      const row = values.subarray(step * width, (step + 1) * width);
      if (spec.settingColumns.every((column) => !Number.isNaN(row[column]!))) rows.push(row);
    }
  if (rows.length === 0) return oneRegime;
  const sample = rng.shuffle(rows).slice(0, sampleMax);

  const spreads = spec.settingColumns.map((column) => {
    const mean = sample.reduce((sum, row) => sum + row[column]!, 0) / sample.length;
    const variance = sample.reduce((sum, row) => sum + (row[column]! - mean) ** 2, 0) / sample.length;
    return { column, mean, sd: Math.sqrt(variance) };
  });
  const varying = spreads.filter(({ mean, sd }) => sd > 1e-6 * Math.max(1, Math.abs(mean)));
  if (varying.length === 0) return oneRegime;
  const points = sample.map((row) => varying.map(({ column, mean, sd }) => (row[column]! - mean) / sd));
  // Standardised: the whole sum of squares is one per point and column.
  const wholeSquares = points.length * varying.length;
  // As many regimes as make the greatest drop in what they leave unexplained, if that is little.
  let found: { centroids: number[][]; drop: number } | undefined;
  let before = wholeSquares;
  for (let count = 2; count <= Math.min(regimesMax, points.length); count++) {
    const { centroids, squares } = cluster(points, count, rng);
    const drop = before / Math.max(squares, 1e-12 * wholeSquares);
    if (squares < looseShareMax * wholeSquares && drop > (found?.drop ?? 1)) found = { centroids, drop };
    before = squares;
  }
  if (!found) return oneRegime;
  return {
    columns: varying.map(({ column }) => column),
    means: varying.map(({ mean }) => mean),
    sds: varying.map(({ sd }) => sd),
    centroids: found.centroids,
  };
}

/** Index of the nearest centroid of a raw row; 0 when there is one regime. */
export function assignRegime(regimes: Regimes, row: ArrayLike<number>): number {
  if (regimes.centroids.length === 0) return 0;
  const point = regimes.columns.map((column, index) =>
    Number.isNaN(row[column]!) ? 0 : (row[column]! - regimes.means[index]!) / regimes.sds[index]!,
  );
  return nearest(regimes.centroids, point).index;
}

type Point = readonly number[];

/** k-means from k-means++ starts (Arthur & Vassilvitskii 2007), the best of eight. */
function cluster(
  points: readonly Point[],
  count: number,
  rng: Rng,
): { centroids: number[][]; squares: number } {
  let best: { centroids: number[][]; squares: number } | undefined;
  for (let attempt = 0; attempt < 8; attempt++) {
    let centroids = spreadStarts(points, count, rng);
    let squares = Infinity;
    for (let round = 0; round < 50; round++) {
      const sums = centroids.map((centroid) => ({ total: centroid.map(() => 0), size: 0 }));
      let left = 0;
      for (const point of points) {
        const { index, distance } = nearest(centroids, point);
        left += distance;
        const sum = sums[index]!;
        sum.size += 1;
        point.forEach((value, axis) => {
          sum.total[axis]! += value;
        });
      }
      centroids = sums.map(({ total, size }, index) =>
        size === 0 ? centroids[index]! : total.map((value) => value / size),
      );
      if (left >= squares) break;
      squares = left;
    }
    if (!best || squares < best.squares) best = { centroids, squares };
  }
  return best as { centroids: number[][]; squares: number };
}

function spreadStarts(points: readonly Point[], count: number, rng: Rng): number[][] {
  const starts = [[...points[rng.int(points.length)]!]];
  while (starts.length < count) {
    const distances = points.map((point) => nearest(starts, point).distance);
    let left = rng.uniform() * distances.reduce((sum, each) => sum + each, 0);
    const chosen = distances.findIndex((each) => {
      left -= each;
      return left < 0;
    });
    starts.push([...points[chosen < 0 ? rng.int(points.length) : chosen]!]);
  }
  return starts;
}

function nearest(centroids: readonly Point[], point: Point): { index: number; distance: number } {
  let index = 0;
  let distance = Infinity;
  for (let each = 0; each < centroids.length; each++) {
    let squares = 0;
    for (let axis = 0; axis < point.length; axis++) squares += (point[axis]! - centroids[each]![axis]!) ** 2;
    if (squares < distance) {
      index = each;
      distance = squares;
    }
  }
  return { index, distance };
}
