/** Which of the judged machines a network has seen before: scores on them flatter it. */
import type { ForecastRecord } from '../domain/forecast.js';
import type { SeenData } from '../model/artifact.js';

export interface Leakage {
  /** Machines that it has learned from, in the time that is judged. */
  readonly trainingMachines: readonly string[];
  /** Machines that it has not learned from, but early stopping went by. */
  readonly validationMachines: readonly string[];
}

/** undefined for networks that do not tell what they have seen. */
export function findLeakage(
  seen: SeenData | undefined,
  forecasts: readonly Pick<ForecastRecord, 'machine' | 'originMs'>[],
): Leakage | undefined {
  if (seen === undefined) return undefined;
  const early = forecasts.filter(({ originMs }) => originMs <= seen.trainedUntilMs);
  const judged = new Set(early.map(({ machine }) => machine));
  const trainingMachines = seen.trainingMachines.filter((machine) => judged.has(machine));
  const learned = new Set(trainingMachines);
  return {
    trainingMachines,
    validationMachines: seen.validationMachines.filter(
      (machine) => judged.has(machine) && !learned.has(machine),
    ),
  };
}

/** In sentences; none when all is well. */
export function describeLeakage(version: string, leakage: Leakage | undefined): string[] {
  if (leakage === undefined)
    return [`${version} does not tell which machines it was trained on: judge it on others than those`];
  const { trainingMachines, validationMachines } = leakage;
  return [
    ...(trainingMachines.length > 0
      ? [
          `${version} was trained on ${listed(trainingMachines)}, in the time that is judged: its scores are worth nothing there. Choose others with --machines`,
        ]
      : []),
    ...(validationMachines.length > 0
      ? [
          `${version} was chosen by how good it was on ${listed(validationMachines)}: its scores flatter it a little there`,
        ]
      : []),
  ];
}

function listed(machines: readonly string[]): string {
  const shown = machines.slice(0, 3).join(', ');
  return machines.length > 3 ? `${shown} and ${machines.length - 3} more machines` : shown;
}
