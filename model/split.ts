/** Which machines a network learns from, and which it is judged by. */
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import type { Rng } from '../domain/rng.js';

/** By machine, never by row: two windows of one machine share most of their rows. */
export function splitMachines(
  histories: readonly History[],
  validationShare: number,
  rng: Rng,
): { training: readonly History[]; validation: readonly History[] } {
  const useful = histories.filter(({ knownDays }) => knownDays.some((days) => days > 0));
  const withFailure = new Set(
    useful.filter(({ eventDay }) => eventDay.some((day) => day > 0)).map((h) => h.machine),
  );
  const machines = [...new Set(useful.map(({ machine }) => machine))];
  if (machines.length < 2)
    throw new UserError(
      `Training needs the histories of at least 2 machines with a known future, got ${machines.length}. Add histories, or wait until more days are known.`,
    );
  if (withFailure.size === 0)
    throw new UserError(
      `None of the ${machines.length} machines has a failure on record, so there is nothing to learn. Record failures as events, or import a history that has them.`,
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
