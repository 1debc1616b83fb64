/** Features of a fleet in successive periods against a reference: how far they are from it, and whether that is chance. */
import { Rng } from '../../domain/rng.js';
import { coarseCounts, coarsen, countFine, type Reference } from '../../model/reference.js';
import { kolmogorovSmirnov, populationStabilityIndex } from './distances.js';
import { pairedMaxT } from './family-tests.js';
import type { WatchedMachine } from './watched.js';

/** A feature has drifted where chance is less likely than `p` and the change is large: either of the others. */
export const driftLimits = { p: 0.01, psi: 0.1, missing: 0.05 } as const;

export interface FeatureDrift {
  readonly feature: string;
  readonly unit: string;
  readonly rowCount: number;
  /** Population stability index over tenths of the reference; null without values. */
  readonly psi: number | null;
  /** Kolmogorov–Smirnov distance, to a hundredth; null without values. */
  readonly ks: number | null;
  readonly mean: number | null;
  readonly meanThen: number;
  /** Shares of rows without a value. */
  readonly missing: number;
  readonly missingThen: number;
  /** Adjusted for all features and periods; 1 where there are too few machines to say. */
  readonly p: number;
  readonly verdict: 'steady' | 'drifted' | 'too-few-machines';
}

type FeatureReference = Pick<Reference, 'features' | 'machines'>;

/** What a machine must have in a period, and how many machines there must be, to be tested: the signs of n machines give no p below 2^(1 − n). */
const rowsMin = 5;
const machinesMin = 10;
const drawCount = 999;
/** Of more machines, only so many, evenly chosen, are tested; all are counted. */
const testedMax = 1000;
const driftSeed = 20_170;

/**
 * By period, in the order of the reference's features. `columns`: where these are in a row. The test pairs each machine's shares of the
 * bins with its own in the reference, where it has any, else with the fleet's: pairedMaxT.
 */
export function fleetDrift(
  reference: FeatureReference,
  columns: readonly number[],
  periods: readonly (readonly WatchedMachine[])[],
): FeatureDrift[][] {
  const adjusted = adjustedP(reference, columns, periods);
  return periods.map((machines, period) => {
    const rows = machines.flatMap((each) => each.rows);
    const machineCount = machines.filter((each) => each.rows.length >= rowsMin).length;
    return reference.features.map((feature, index): FeatureDrift => {
      const values = rows.map((row) => row[columns[index] as number]!);
      const present = values.filter((value) => !Number.isNaN(value));
      const { counts, missingCount } = countFine(feature, values);
      const distances = distancesOf(feature, counts);
      const then = feature.counts.reduce((sum, each) => sum + each, 0);
      const missing = share(missingCount, rows.length);
      const missingThen = share(feature.missingCount, then + feature.missingCount);
      const p = adjusted[period]?.[index] ?? 1;
      const isLarge =
        (distances.psi ?? 0) >= driftLimits.psi || Math.abs(missing - missingThen) >= driftLimits.missing;
      return {
        feature: feature.name,
        unit: feature.unit,
        rowCount: rows.length,
        ...distances,
        mean: present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length,
        meanThen: feature.mean,
        missing,
        missingThen,
        p,
        verdict:
          machineCount < machinesMin
            ? 'too-few-machines'
            : p <= driftLimits.p && isLarge
              ? 'drifted'
              : 'steady',
      };
    });
  });
}

/** By machine and feature over all of its rows: the distances from its own rows in the reference; of a machine without any, from the fleet's. */
export function machineDistances(
  reference: FeatureReference,
  columns: readonly number[],
  { machine, rows }: WatchedMachine,
): {
  readonly isKnown: boolean;
  readonly features: readonly { readonly psi: number | null; readonly ks: number | null }[];
} {
  const own = reference.machines.find((each) => each.machine === machine);
  const now = coarseCounts(reference, columns, rows);
  return {
    isKnown: own !== undefined,
    features: reference.features.map((feature, index) => {
      const then = own?.counts[index]?.slice(0, -1) ?? coarsen(feature, feature.counts);
      return distancesBetween((now[index] as number[]).slice(0, -1), then);
    }),
  };
}

function distancesOf(feature: Reference['features'][number], counts: readonly number[]) {
  return {
    ...distancesBetween(counts, feature.counts),
    psi: distancesBetween(coarsen(feature, counts), coarsen(feature, feature.counts)).psi,
  };
}

function distancesBetween(now: readonly number[], then: readonly number[]) {
  const isEmpty = (counts: readonly number[]) => counts.every((count) => count === 0);
  if (isEmpty(now) || isEmpty(then)) return { psi: null, ks: null };
  return { psi: populationStabilityIndex(now, then), ks: kolmogorovSmirnov(now, then) };
}

/** [periods][features] */
function adjustedP(
  reference: FeatureReference,
  columns: readonly number[],
  periods: readonly (readonly WatchedMachine[])[],
): number[][] {
  const names = [...new Set(periods.flatMap((machines) => machines.map(({ machine }) => machine)))].sort();
  const every = Math.max(1, Math.ceil(names.length / testedMax));
  const known = new Map(reference.machines.map(({ machine, counts }) => [machine, counts]));
  const fleet = reference.features.map((feature) => [
    ...coarsen(feature, feature.counts),
    feature.missingCount,
  ]);
  const widths = fleet.map((counts) => statisticsOf(counts, counts).length);
  const width = widths.reduce((sum, each) => sum + each, 0);
  const differences = names
    .filter((_, index) => index % every === 0)
    .map((name) => {
      const all = new Float64Array(periods.length * width).fill(Number.NaN);
      periods.forEach((machines, period) => {
        const rows = machines.find(({ machine }) => machine === name)?.rows ?? [];
        if (rows.length < rowsMin) return;
        const then = known.get(name) ?? fleet;
        let at = period * width;
        coarseCounts(reference, columns, rows).forEach((now, index) => {
          const statistics = statisticsOf(now, then[index] as number[]);
          all.set(statistics, at);
          at += statistics.length;
        });
      });
      return all;
    });
  const tested = pairedMaxT(differences, { rng: new Rng(driftSeed), drawCount, unitsMin: machinesMin });
  return periods.map((_, period) => {
    let at = period * width;
    return widths.map((own) => {
      const least = Math.min(...tested.slice(at, at + own).map(({ p }) => p));
      at += own;
      return least;
    });
  });
}

/**
 * What now is more than then: the share of values up to each edge between the bins; the sum of these, which says how many bins the values have
 * moved on the whole, wherever among the fleet's bins the machine has its own; and the share of rows that are missing.
 */
function statisticsOf(now: readonly number[], then: readonly number[]): number[] {
  const [a, b] = [cumulated(now), cumulated(then)];
  const differences = a.map((share, i) => share - (b[i] as number));
  const moved = differences.slice(0, -1).reduce((sum, difference) => sum + difference, 0);
  return [...differences, moved];
}

/** Shares of the values up to each edge but the last, and the share of rows that are missing. NaN where too few rows tell. */
function cumulated(counts: readonly number[]): number[] {
  const bins = counts.slice(0, -1);
  const total = bins.reduce((sum, count) => sum + count, 0);
  const missing = counts.at(-1) as number;
  let sum = 0;
  const shares = bins.slice(0, -1).map((count) => {
    sum += count;
    return total < rowsMin ? Number.NaN : sum / total;
  });
  return [...shares, total + missing < rowsMin ? Number.NaN : missing / (total + missing)];
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
