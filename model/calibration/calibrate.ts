/**
 * Calibration of the failure curve, day by day, by machines that were kept from training; only where it helps. Whether
 * it helps is judged honestly: each fifth of the machines by what was fitted to the other four. A day is calibrated when
 * its Brier score on machines not fitted to falls by more than three standard errors, which are over machines, because
 * the windows of one machine are not independent.
 */
import { Rng } from '../../domain/rng.js';
import { hadFailed, type KeptForecast } from '../kept-forecasts.js';
import { applyIsotonic, fitIsotonic, type Steps } from './isotonic.js';
import { applySigmoid, fitPlatt, fitTemperature, logit, type Sigmoid } from './sigmoid.js';

export const calibrationMethods = ['isotonic', 'platt', 'temperature'] as const;
export type CalibrationMethod = (typeof calibrationMethods)[number];

/** How one day is calibrated. */
export type DayCalibrator = Sigmoid | Steps;

export interface Calibration {
  readonly method: CalibrationMethod;
  /** [H]; null: the day is left as it is. */
  readonly days: readonly (DayCalibrator | null)[];
  /** Mean Brier score over the calibrated days of machines not fitted to, without and with it. */
  readonly brierBefore: number;
  readonly brierAfter: number;
}

const foldCount = 5;
/**
 * Standard errors that an improvement must exceed. With 30 days and three methods to choose from, two are exceeded by chance:
 * days 2 and 3 of one network in three on FD001, which gained nothing on the test engines.
 */
const certainty = 3;
/** A fold of fewer machines than two tells nothing of other machines. */
const machinesMin = 2 * foldCount;

/** undefined where none of `methods` helps on any day, or there are fewer than ten machines to see it by. */
export function fitCalibration(
  forecasts: readonly KeptForecast[],
  methods: readonly CalibrationMethod[],
): Calibration | undefined {
  const folds = foldsOf(forecasts);
  if (folds === undefined) return undefined;
  const horizon = forecasts[0]?.curve.length ?? 0;
  let best: { calibration: Calibration; gain: number } | undefined;
  for (const method of methods) {
    const days: (DayCalibrator | null)[] = [];
    let before = 0;
    let after = 0;
    for (let day = 1; day <= horizon; day++) {
      const rows = rowsAt(forecasts, day);
      const judged = judge(rows, method, folds);
      const helps = judged !== undefined && judged.gain > certainty * judged.standardError;
      days.push(helps ? fit(rows, method) : null);
      if (!helps) continue;
      before += judged.before;
      after += judged.before - judged.gain;
    }
    const count = days.filter((day) => day !== null).length;
    if (count === 0 || before - after <= (best?.gain ?? 0)) continue;
    best = {
      gain: before - after,
      calibration: { method, days, brierBefore: before / count, brierAfter: after / count },
    };
  }
  return best?.calibration;
}

/** F of a day → calibrated, in [0, 1]. */
export function calibrated(calibrator: DayCalibrator, probability: number): number {
  return 'said' in calibrator
    ? applyIsotonic(calibrator, probability)
    : applySigmoid(calibrator, probability);
}

/** The rows whose outcome at a day is known. */
interface DayRows {
  readonly machines: readonly string[];
  readonly said: readonly number[];
  readonly failed: readonly number[];
}

function rowsAt(forecasts: readonly KeptForecast[], day: number): DayRows {
  const known = forecasts.filter((forecast) => hadFailed(forecast, day) !== undefined);
  return {
    machines: known.map(({ machine }) => machine),
    said: known.map(({ curve }) => curve[day - 1]!),
    failed: known.map((forecast) => (hadFailed(forecast, day) ? 1 : 0)),
  };
}

/** undefined where the rows have no two outcomes to learn from. */
function fit({ said, failed }: DayRows, method: CalibrationMethod): DayCalibrator | null {
  if (!failed.includes(0) || !failed.includes(1)) return null;
  if (method === 'isotonic') return fitIsotonic(said, failed);
  return (method === 'platt' ? fitPlatt : fitTemperature)(said.map(logit), failed);
}

function judge(rows: DayRows, method: CalibrationMethod, folds: ReadonlyMap<string, number>) {
  const gains = new Map<string, { gain: number; count: number }>();
  let before = 0;
  const foldAt = rows.machines.map((machine) => folds.get(machine));
  for (let fold = 0; fold < foldCount; fold++) {
    const others = keepRows(rows, (row) => foldAt[row] !== fold);
    const calibrator = fit(others, method);
    if (calibrator === null) return undefined;
    rows.machines.forEach((machine, row) => {
      if (foldAt[row] !== fold) return;
      const said = rows.said[row]!;
      const failed = rows.failed[row]!;
      const error = (said - failed) ** 2;
      const own = gains.get(machine) ?? { gain: 0, count: 0 };
      own.gain += error - (calibrated(calibrator, said) - failed) ** 2;
      own.count += 1;
      gains.set(machine, own);
      before += error;
    });
  }
  const count = rows.machines.length;
  const machines = [...gains.values()];
  const gain = machines.reduce((sum, each) => sum + each.gain, 0) / count;
  // A ratio of two sums over machines (Cochran 1977, section 2.11).
  const squares = machines.reduce((sum, each) => sum + (each.gain - gain * each.count) ** 2, 0);
  const standardError = Math.sqrt((machines.length / (machines.length - 1)) * squares) / count;
  return { before: before / count, gain, standardError };
}

function keepRows(rows: DayRows, kept: (row: number) => boolean): DayRows {
  const keep = <T>(values: readonly T[]) => values.filter((_, row) => kept(row));
  return { machines: keep(rows.machines), said: keep(rows.said), failed: keep(rows.failed) };
}

/** Machines to folds, those with and without a failure divided separately. */
function foldsOf(forecasts: readonly KeptForecast[]): ReadonlyMap<string, number> | undefined {
  const machines = [...new Set(forecasts.map(({ machine }) => machine))];
  if (machines.length < machinesMin) return undefined;
  const failing = new Set(forecasts.filter(({ eventDay }) => eventDay > 0).map(({ machine }) => machine));
  const rng = new Rng(1);
  const shuffled = rng.shuffle(machines);
  const ordered = [
    ...shuffled.filter((machine) => failing.has(machine)),
    ...shuffled.filter((machine) => !failing.has(machine)),
  ];
  return new Map(ordered.map((machine, index) => [machine, index % foldCount]));
}
