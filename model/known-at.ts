import type { History } from '../domain/features.js';

/**
 * What was known of a machine at a time: the rows up to it (or up to `rowsUntilMs`, before it), and of the days after them only
 * those that had passed.
 */
export function knownAt(history: History, timeMs: number, rowsUntilMs = timeMs): History {
  const { rows, originsMs, stepCount } = history;
  const count = originsMs.filter((originMs) => originMs <= rowsUntilMs).length;
  const width = rows.length / Math.max(1, stepCount);
  const endOfStep = endsOfSteps(history);
  const knownDays = history.knownDays.slice(0, count);
  const eventDay = history.eventDay.slice(0, count);
  const eventCauses = history.eventCauses?.slice(0, count);
  for (let step = 0; step < count; step++) {
    while (knownDays[step]! > 0 && endOfStep(step + knownDays[step]!) > timeMs) knownDays[step]! -= 1;
    if (eventDay[step]! <= knownDays[step]!) continue;
    eventDay[step] = 0;
    if (eventCauses) eventCauses[step] = 0;
  }
  return {
    machine: history.machine,
    rows: rows.slice(0, count * width),
    stepCount: count,
    originsMs: originsMs.slice(0, count),
    eventDay,
    ...(eventCauses ? { eventCauses } : {}),
    knownDays,
  };
}

/** End of a step by its place in the history; of those after its last row, as long as the others are on average. */
function endsOfSteps({ originsMs, stepCount }: History): (step: number) => number {
  const last = stepCount - 1;
  const lastMs = originsMs[last] ?? Number.NaN;
  const stepMs = last > 0 ? (lastMs - originsMs[0]!) / last : Number.POSITIVE_INFINITY;
  return (step) => (step <= last ? originsMs[step]! : lastMs + (step - last) * stepMs);
}
