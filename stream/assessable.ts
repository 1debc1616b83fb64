/** When there can be a forecast from a window, and when what a model says is none. The same live and over HTTP. */
import type { MachineType } from '../domain/machine-type.js';

/**
 * Why a window says too little for a forecast, in words; '' if nothing is in the way. `coverage` in [0, 1], of the newest
 * steps.
 */
export function obstacleIn(type: MachineType, stepCount: number, coverage: number): string {
  return shortHistory(type, stepCount) || tooFewReadings(type, coverage);
}

/** As obstacleIn, of the age of the machine alone: what needs no history can still be said. */
export function shortHistory({ minimumSteps, contextSteps }: MachineType, stepCount: number): string {
  return stepCount < Math.min(minimumSteps, contextSteps)
    ? `history too short: ${stepCount} of ${minimumSteps} steps`
    : '';
}

/** As obstacleIn, of the readings alone. */
export function tooFewReadings({ minimumCoverage }: MachineType, coverage: number): string {
  if (coverage < minimumCoverage)
    return `too few readings: coverage ${coverage.toFixed(2)} is below ${minimumCoverage}`;
  return '';
}

/** A fall along a curve by no more than this is rounding (of exp, in float32), and is levelled. */
const roundingMax = 1e-6;

/** Why a curve is no failure curve, in words; '' if it is finite, in [0, 1] and never falls. Levels rounding. */
export function curveFault(curve: Float32Array): string {
  let before = 0;
  for (let k = 0; k < curve.length; k++) {
    const value = curve[k] as number;
    if (!(value >= 0 && value <= 1)) return `the model gave ${value} for day ${k + 1}`;
    if (value < before - roundingMax) return `the model's curve falls on day ${k + 1}`;
    before = Math.max(before, value);
    curve[k] = before;
  }
  return '';
}
