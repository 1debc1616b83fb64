/** Machines that wear: several sensors that go steadily one way with the time since maintenance, where a sensor that is changed jumps. */
import type { FeatureSpec } from '../../domain/features.js';
import { fleetMedians, residuals } from './fleet-medians.js';
import { sensorColumns, type WatchedMachine } from './watched.js';

export interface WearingSensor {
  readonly sensor: string;
  /** How far it has gone since the last maintenance, in standard deviations of training. */
  readonly movedSds: number;
}

const stepsMin = 7;
const stepsMax = 14;
const newestSteps = 3;
/** Of a sensor that takes part, and of one of them at least. */
const movedSdsMin = 0.3;
const mostMovedSdsMin = 1;
const correlationMin = 0.7;

/** Whether sensors that have gone one way make a machine that wears: several, and one of them far. */
export function wears(sensors: readonly WearingSensor[]): boolean {
  return sensors.length > 1 && sensors.some(({ movedSds }) => Math.abs(movedSds) >= mostMovedSdsMin);
}

/**
 * By machine. Of the newest `stepsMax` steps since its last reset, less the fleet's median: at least `stepsMin`, Spearman's correlation with time at least
 * `correlationMin`, and the newest `newestSteps` away from the others.
 */
export function wearingSensors(
  spec: FeatureSpec,
  machines: readonly WatchedMachine[],
  sdOf: (column: number) => number,
): WearingSensor[][] {
  const sensors = sensorColumns(spec).map(({ sensor, level }) => {
    const read = (row: Float32Array) => row[level]!;
    return { sensor, read, sd: sdOf(level), medians: fleetMedians(machines, read) };
  });
  return machines.map((machine) =>
    sensors.flatMap(({ sensor, read, sd, medians }) => {
      const values = [...residuals(machine, read, medians)]
        .slice(Math.max(0, machine.resets.lastIndexOf(true)))
        .filter((value) => !Number.isNaN(value))
        .slice(-stepsMax);
      if (values.length < stepsMin || sd === 0) return [];
      const movedSds = (mean(values.slice(-newestSteps)) - mean(values.slice(0, -newestSteps))) / sd;
      const isSteady = Math.abs(spearman(values)) >= correlationMin;
      return isSteady && Math.abs(movedSds) >= movedSdsMin ? [{ sensor, movedSds }] : [];
    }),
  );
}

/** Spearman 1904: the correlation of ranks, here with the order of the values. Ties take their order, which few readings share. */
function spearman(values: readonly number[]): number {
  const n = values.length;
  const ranks = new Array<number>(n);
  values
    .map((_, index) => index)
    .sort((a, b) => (values[a] as number) - (values[b] as number))
    .forEach((index, rank) => {
      ranks[index] = rank;
    });
  const squares = ranks.reduce((sum, rank, index) => sum + (rank - index) ** 2, 0);
  return 1 - (6 * squares) / (n * (n * n - 1));
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
