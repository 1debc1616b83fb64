/**
 * Sensors that were replaced, rescaled or fell silent, machine by machine. A series is the sensor's level in a step less the fleet's median of
 * that step, so that what all machines share (load, season) is no change of one of them: a reference series, as for weather stations
 * (Alexandersson 1986). In it, and in the logarithm of the sensor's noise, jumps are looked for (change-points.ts).
 */
import type { FeatureSpec } from '../../domain/features.js';
import { type ChangePoint, changePoints, settleSteps } from './change-points.js';
import { driftLimits } from './fleet-drift.js';
import { fleetMedians, residuals } from './fleet-medians.js';
import { type SensorColumns, sensorColumns, type WatchedFleet, type WatchedMachine } from './watched.js';

export interface SensorChange {
  readonly machine: string;
  readonly sensor: string;
  readonly unit: string;
  /** `machine`: other sensors of it changed with this one. */
  readonly kind: 'rescaled' | 'shifted' | 'noise' | 'silent' | 'machine';
  /** Between the ends of these two steps. */
  readonly afterMs: number;
  readonly byMs: number;
  /** Level right after the change, and what it would have been without; null of a sensor that is silent. */
  readonly level: number | null;
  readonly levelWithout: number | null;
  /** Noise right after the change over the noise before; null: not known. */
  readonly noiseFactor: number | null;
  /** Adjusted for all places, sensors and machines; null of silence, which is no matter of chance. */
  readonly p: number | null;
}

/** A change is told where the level has moved by so many standard deviations of training, or the noise by such a factor. */
const levelSdsMin = 0.5;
const noiseFactorMin = 1.25;
/** A sensor without a value in so many steps running, of a machine that speaks, is silent. */
const silentSteps = 14;
/** Changes of the same machine within so many steps are one. */
const togetherSteps = 2;
/** The logarithms of two factors are the same up to this. */
const factorTolerance = 0.3;

type Found = SensorChange & { readonly index: number };

/** By machine and time. `sdOf`: standard deviation of a column in training; 0 where it is not known. */
export function sensorChanges(
  spec: FeatureSpec,
  { machines }: WatchedFleet,
  sdOf: (column: number) => number,
): SensorChange[] {
  const sensors = sensorColumns(spec);
  const seriesCount = machines.length * sensors.reduce((sum, { noise }) => sum + (noise < 0 ? 1 : 2), 0);
  const found = sensors.flatMap((sensor) => {
    const levelOf = (row: Float32Array) => (isStuck(row, sensor) ? Number.NaN : row[sensor.level]!);
    const noiseOf = (row: Float32Array) =>
      isStuck(row, sensor) ? Number.NaN : Math.log(row[sensor.noise] ?? Number.NaN);
    const levelMedians = fleetMedians(machines, levelOf);
    const noiseMedians = fleetMedians(machines, noiseOf);
    return machines.flatMap((machine): Found[] => {
      const levels = residuals(machine, levelOf, levelMedians);
      const noises = residuals(machine, noiseOf, noiseMedians);
      const limit = driftLimits.p / seriesCount;
      const ofLevel = changePoints(levels, machine.resets, limit).filter(
        ({ moved }) => Math.abs(moved) >= levelSdsMin * sdOf(sensor.level),
      );
      const ofNoise = changePoints(noises, machine.resets, limit).filter(
        ({ moved, index }) =>
          Math.abs(moved) >= Math.log(noiseFactorMin) &&
          ofLevel.every((other) => Math.abs(other.index - index) > togetherSteps),
      );
      return [
        ...ofLevel.map((point) => {
          const after = meanFrom(machine.rows.map(levelOf), point.index);
          const noiseFactor = Math.exp(meanFrom(noises, point.index) - meanUntil(noises, point.index));
          const scale = after / (after - point.jump);
          const kind = isRescaled(scale, noiseFactor) ? 'rescaled' : 'shifted';
          return describe(machine, sensor, point, { kind, level: after, noiseFactor });
        }),
        ...ofNoise.map((point) => {
          const level = meanFrom(machine.rows.map(levelOf), point.index);
          const levelJump = meanFrom(levels, point.index) - meanUntil(levels, point.index);
          const noiseFactor = Math.exp(point.jump);
          return describe(
            machine,
            sensor,
            { ...point, jump: levelJump },
            { kind: 'noise', level, noiseFactor },
          );
        }),
        ...silencesOf(machine, sensor, sensors),
      ];
    });
  });
  return told(found, seriesCount);
}

function describe(
  { machine, originsMs }: WatchedMachine,
  { sensor, unit }: SensorColumns,
  { index, jump, p }: ChangePoint,
  {
    kind,
    level,
    noiseFactor,
  }: { readonly kind: SensorChange['kind']; readonly level: number; readonly noiseFactor: number },
): Found {
  return {
    index,
    machine,
    sensor,
    unit,
    kind,
    afterMs: originsMs[index - 1] as number,
    byMs: originsMs[index] as number,
    level,
    levelWithout: level - jump,
    noiseFactor: Number.isFinite(noiseFactor) ? noiseFactor : null,
    p,
  };
}

/** By machine and time, with p-values for all series; sensors of one machine that changed together are called so. */
function told(found: readonly Found[], seriesCount: number): SensorChange[] {
  return found
    .map((change): SensorChange => {
      const { index, ...rest } = change;
      const isTogether = found.some(
        (other) =>
          other.machine === change.machine &&
          other.sensor !== change.sensor &&
          other.p !== null &&
          Math.abs(other.index - index) <= togetherSteps,
      );
      return {
        ...rest,
        kind: isTogether && change.p !== null ? 'machine' : change.kind,
        p: change.p === null ? null : Math.min(1, change.p * seriesCount),
      };
    })
    .sort((a, b) => (a.machine === b.machine ? a.byMs - b.byMs : a.machine < b.machine ? -1 : 1));
}

/** A gauge that tells other units changes its noise by the factor of its level; otherwise its noise is nearer to what it was. */
function isRescaled(factor: number, noiseFactor: number): boolean {
  const apart = Math.abs(Math.log(factor) - Math.log(noiseFactor));
  return factor > 0 && apart <= factorTolerance && apart < Math.abs(Math.log(noiseFactor));
}

/** All readings of the step alike: what the sensor tells is old. */
function isStuck(row: Float32Array, { noise }: SensorColumns): boolean {
  return row[noise] === 0;
}

/** The first step of each silence that is still going on after `silentSteps`. */
function silencesOf(
  machine: WatchedMachine,
  sensor: SensorColumns,
  sensors: readonly SensorColumns[],
): Found[] {
  const found: Found[] = [];
  let [silentCount, startIndex] = [0, 0];
  machine.rows.forEach((row, index) => {
    if (!Number.isNaN(row[sensor.level]!)) silentCount = 0;
    else if (sensors.some(({ level }) => !Number.isNaN(row[level]!))) {
      if (silentCount === 0) startIndex = index;
      silentCount++;
      if (silentCount === silentSteps && startIndex > 0)
        found.push({
          index: startIndex,
          machine: machine.machine,
          sensor: sensor.sensor,
          unit: sensor.unit,
          kind: 'silent',
          afterMs: machine.originsMs[startIndex - 1] as number,
          byMs: machine.originsMs[startIndex] as number,
          level: null,
          levelWithout: null,
          noiseFactor: null,
          p: null,
        });
    }
  });
  return found;
}

/** Means of what is known in the window of a change: from it on, or before it. */
function meanFrom(values: ArrayLike<number>, index: number): number {
  return meanOf(values, index, index + settleSteps);
}

function meanUntil(values: ArrayLike<number>, index: number): number {
  return meanOf(values, index - settleSteps, index);
}

function meanOf(values: ArrayLike<number>, from: number, until: number): number {
  let [sum, count] = [0, 0];
  for (let i = Math.max(0, from); i < Math.min(values.length, until); i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return sum / count;
}
