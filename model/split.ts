/** Which machines, or which time, a network learns from, and what it is judged by. */
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import type { Rng } from '../domain/rng.js';
import type { TrainingConfig } from './config.js';
import { knownAt } from './known-at.js';
import { type Origin, originsOf } from './windows.js';

export interface Kept {
  readonly training: readonly History[];
  readonly validation: readonly History[];
  /** Origins of `validation` to judge by. */
  readonly origins: readonly Origin[];
}

export function keepForValidation(
  histories: readonly History[],
  { validation: kind, validationShare }: Pick<TrainingConfig, 'validation' | 'validationShare'>,
  rng: Rng,
): Kept {
  if (kind === 'later-time') return splitTime(histories, validationShare);
  const { training, validation } = splitMachines(histories, validationShare, rng);
  return { training, validation, origins: originsOf(validation) };
}

/**
 * By time: the last origins judge. Of everything else only what was known at the first of them is learned from, so that no
 * label reaches over the cut; windows that judge may begin before it.
 */
export function splitTime(histories: readonly History[], validationShare: number): Kept {
  const timesMs = Float64Array.from(
    originsOf(histories),
    ({ history, step }) => history.originsMs[step]!,
  ).sort();
  const cutMs = timesMs[Math.floor(timesMs.length * (1 - validationShare))];
  const training =
    cutMs === undefined
      ? []
      : histories
          .map((history) => knownAt(history, cutMs))
          .filter(({ knownDays }) => knownDays.some((k) => k > 0));
  if (cutMs === undefined || !training.some(({ eventDay }) => eventDay.some((day) => day > 0)))
    throw new UserError(
      `No failure is on record before the time that judges${cutMs === undefined ? '' : ` (from ${new Date(cutMs).toISOString()})`}, so there is nothing to learn. Lower \`validationShare\`, or set \`validation: other-machines\`.`,
    );
  const origins = originsOf(histories).filter(({ history, step }) => history.originsMs[step]! >= cutMs);
  return { training, validation: [...new Set(origins.map(({ history }) => history))], origins };
}

/**
 * Machines in `count` parts of nearly equal size, for cross-validation; those with a failure on record are as evenly spread as those without.
 * Throws UserError when there are fewer machines, or fewer failures, than parts.
 */
export function foldMachines(histories: readonly History[], count: number, rng: Rng): History[][] {
  const { useful, withFailure, machines } = machinesOf(histories);
  if (withFailure.size < count)
    throw new UserError(
      `${count} folds need as many machines with a failure on record, so that each has one: there are ${withFailure.size}. Ask for fewer folds.`,
    );
  const foldOf = new Map<string, number>();
  // Machines without failures go on where those with failures end: the sizes differ by one at most.
  for (const group of [true, false])
    for (const machine of rng.shuffle(machines.filter((each) => withFailure.has(each) === group)))
      foldOf.set(machine, foldOf.size % count);
  return Array.from({ length: count }, (_, fold) =>
    useful.filter(({ machine }) => foldOf.get(machine) === fold),
  );
}

function machinesOf(histories: readonly History[]) {
  const useful = histories.filter(({ knownDays }) => knownDays.some((days) => days > 0));
  const withFailure = new Set(
    useful.filter(({ eventDay }) => eventDay.some((day) => day > 0)).map((h) => h.machine),
  );
  return { useful, withFailure, machines: [...new Set(useful.map(({ machine }) => machine))] };
}

/** By machine, never by row: two windows of one machine share most of their rows. */
export function splitMachines(
  histories: readonly History[],
  validationShare: number,
  rng: Rng,
): { training: readonly History[]; validation: readonly History[] } {
  const { useful, withFailure, machines } = machinesOf(histories);
  if (machines.length < 2)
    throw new UserError(
      `Training needs the histories of at least 2 machines with a known future, got ${machines.length}. Add histories, or wait until more days are known.`,
    );
  if (withFailure.size === 0)
    throw new UserError(
      `None of the ${machines.length} machines has a failure on record, so there is nothing to learn. Record failures as events, or import a history that has them. A health index needs none: write forecast: true at sensors of the machine type.`,
    );
  // Failures are few: machines with and without them are divided separately, so that both parts have some.
  const chosen = new Set<string>();
  for (const group of [true, false]) {
    const members = machines.filter((machine) => withFailure.has(machine) === group);
    const count = Math.min(members.length - 1, Math.max(1, Math.round(members.length * validationShare)));
    for (const machine of rng.shuffle(members).slice(0, Math.max(0, count))) chosen.add(machine);
  }
  const isChosen = ({ machine }: History) => chosen.has(machine);
  if (chosen.size === 0) {
    // One machine with a failure and one without: learn from the failure, judge by the other.
    const [other] = machines.filter((machine) => !withFailure.has(machine));
    if (other !== undefined) chosen.add(other);
  }
  return { training: useful.filter((h) => !isChosen(h)), validation: useful.filter(isChosen) };
}
