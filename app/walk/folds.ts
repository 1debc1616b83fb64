/** When each network of a walk-forward backtest is trained, on what, and which origins it forecasts. */
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { parseTimeMs } from '../../infra/files/parse-time.js';
import { knownAt } from '../../model/known-at.js';
import { makeStepCalendar } from '../../stream/step-calendar.js';
import type { WalkProtocol } from './protocol.js';

/** Plain JSON. Times are starts of steps, ms since epoch, but for `toMs`. */
export interface Fold {
  /** From 1. */
  readonly number: number;
  /** First and last origin that are judged. What happens from the first on is not known in training. */
  readonly fromMs: number;
  readonly lastOriginMs: number;
  /** Last moment of the time that is judged: the next fold begins a millisecond later. */
  readonly toMs: number;
  /** Steps that are learned from: those that begin at or after the one time and end at or before the other. */
  readonly trainFromMs: number;
  readonly trainUntilMs: number;
  /** With refitting on drift, but for the first fold: the features that had drifted. */
  readonly because?: readonly string[];
}

/** First to last moment of a history. */
export interface Extent {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** At least one fold; their judged origins follow one another without gap or overlap. Throws UserError. */
export function foldsOf(protocol: WalkProtocol, type: MachineType, extent: Extent): Fold[] {
  const zone = type.step.kind === 'fixed' ? 'UTC' : type.step.timeZone;
  const askedMs = (text: string) => parseTimeMs(text, 'iso', zone) as number;
  const iso = (timeMs: number) => new Date(timeMs).toISOString();
  // Of what comes after its end a history knows nothing: no network is trained to forecast from there.
  const toMs = protocol.to === undefined ? extent.untilMs - 1 : askedMs(protocol.to);
  const starts = stepStarts(type, extent.fromMs, toMs);
  const first = starts.findIndex((startMs) => startMs >= askedMs(protocol.from));
  if (first < 0)
    throw new UserError(
      `from ${protocol.from}: no origin lies between it and ${protocol.to === undefined ? `the end of the history, ${iso(extent.untilMs)}` : `to ${protocol.to}`}; write an earlier \`from\`${protocol.to === undefined ? '' : ', or a later `to`'}`,
    );
  const purge = protocol.purgeSteps ?? type.horizonSteps;
  if (first - purge < 1)
    throw new UserError(
      `from ${protocol.from}: the history begins at ${iso(extent.fromMs)}, and ${purge} steps before the first judged origin are not learned from (\`purgeSteps\`), so there is nothing to learn; write a later \`from\``,
    );
  const every = protocol.refitEverySteps ?? starts.length;
  const folds: Fold[] = [];
  for (let at = first; at < starts.length; at += every) {
    const next = starts[at + every];
    const until = at - purge;
    const since = protocol.trainingSteps === undefined ? 0 : Math.max(0, until - protocol.trainingSteps);
    folds.push({
      number: folds.length + 1,
      fromMs: starts[at] as number,
      lastOriginMs: starts[Math.min(at + every, starts.length) - 1] as number,
      toMs: next === undefined ? toMs : next - 1,
      trainFromMs: starts[since] as number,
      trainUntilMs: starts[until] as number,
    });
  }
  return folds;
}

/** Starts of the steps from the one that holds `fromMs` to the last that begins at or before `toMs`. */
function stepStarts({ step }: MachineType, fromMs: number, toMs: number): number[] {
  const calendar = makeStepCalendar(step);
  const starts: number[] = [];
  for (let at = calendar.stepAt(fromMs); at.startMs <= toMs; at = calendar.stepAt(at.endMs))
    starts.push(at.startMs);
  return starts;
}

/**
 * What a fold learns from: rows of its training span, with labels as they were known at its first origin. `histories` are as they
 * were known then.
 */
export function trainingOf(
  { fromMs, trainFromMs, trainUntilMs }: Fold,
  histories: readonly History[],
  machines: ReadonlySet<string>,
): History[] {
  return histories
    .filter(({ machine }) => machines.has(machine))
    .map((history) => rowsAfter(knownAt(history, fromMs, trainUntilMs), trainFromMs))
    .filter(({ stepCount }) => stepCount > 0);
}

/** Without the rows whose step ends at `timeMs` or before. */
function rowsAfter(history: History, timeMs: number): History {
  const { rows, stepCount, originsMs, eventCauses } = history;
  const found = originsMs.findIndex((originMs) => originMs > timeMs);
  const first = found < 0 ? stepCount : found;
  if (first === 0) return history;
  const width = rows.length / stepCount;
  return {
    ...history,
    rows: rows.slice(first * width),
    stepCount: stepCount - first,
    originsMs: originsMs.slice(first),
    eventDay: history.eventDay.slice(first),
    ...(eventCauses ? { eventCauses: eventCauses.slice(first) } : {}),
    knownDays: history.knownDays.slice(first),
  };
}
