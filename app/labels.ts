/**
 * What became of each failure, maintenance, retirement and feedback in a plant's log: the rules by which events are labels for training
 * (stream/history.ts) and for judging (backtest/), told event by event.
 */
import { alertEpisodes } from '../backtest/alert-episodes.js';
import { alertBoundsSchema, type JudgedAlert, scoreAlerts } from '../backtest/alert-score.js';
import { type Finding, findingsIn } from '../backtest/feedback.js';
import { observeReplay, withRepairs } from '../backtest/observe-replay.js';
import { readFates } from '../backtest/replay.js';
import { readAlertId } from '../domain/alert.js';
import type { EventRecord } from '../domain/input.js';
import type { Log } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { makeStepCalendar } from '../stream/step-calendar.js';
import { readAlerts } from './backtest.js';
import type { Deployment } from './config.js';

export const labels = [
  'failure', // what forecasts before it are held against
  'runs-on', // serviced, and known to have run on
  'censors', // a repair that answered a confirmed alert: nobody knows what would have come
  'ends', // out of service in working order
  'confirmed', // feedback that decides how its alert is judged
  'false',
  'unclear',
  'outranked', // feedback on an alert that a failure followed
  'replaced', // feedback on an alert of which something else was said later
  'moment', // feedback on an alert that the log does not have
  'nothing',
] as const;
export type Label = (typeof labels)[number];

export interface LabelledEvent {
  readonly event: EventRecord;
  readonly label: Label;
  /** In words. */
  readonly why: string;
}

type Made = Pick<LabelledEvent, 'label' | 'why'>;

/** By time, then by machine; only events that can be labels. `formatTime`: of a time named in words. */
export async function labelEvents(
  { types }: Pick<Deployment, 'types'>,
  log: Log,
  formatTime: (timeMs: number) => string,
): Promise<readonly LabelledEvent[]> {
  const { spans, events } = await readFates(log);
  const alerts = await readAlerts(log);
  const endMs = Math.max(...spans.map(({ untilMs }) => untilMs));
  const observations = observeReplay({ spans, events }, { observedUntilMs: endMs, laterFailures: [] });
  const findings = findingsIn(events, alertEpisodes(alerts));
  const labelled: LabelledEvent[] = [];
  for (const type of types.values()) {
    const dayMs = makeStepCalendar(type.step).nominalMs;
    const ofType = new Set(events.filter((event) => event.type === type.name).map(({ machine }) => machine));
    const own = observations.filter(({ machine }) => ofType.has(machine));
    const watched = new Map(
      withRepairs(own, events, type.horizonSteps * dayMs).map((each) => [each.machine, each]),
    );
    const { alerts: judged } = scoreAlerts(
      alerts.filter(({ machine }) => watched.has(machine)),
      [...watched.values()],
      alertBoundsSchema.parse({}),
      dayMs,
      findings,
    );
    for (const event of events) {
      if (event.type !== type.name) continue;
      const observation = watched.get(event.machine);
      const made =
        event.event === 'feedback'
          ? labelFeedback(event, findings, judged, formatTime)
          : labelHappening(event, type, observation?.fromMs ?? Infinity, observation?.repairsMs ?? []);
      if (made) labelled.push({ event, ...made });
    }
  }
  return labelled.sort(
    ({ event: a }, { event: b }) => a.eventTimeMs - b.eventTimeMs || (a.machine < b.machine ? -1 : 1),
  );
}

/** `fromMs`: from when steps of the machine are known. `repairsMs`: those of its repairs that answered a confirmed alert. */
function labelHappening(
  { event, code, eventTimeMs }: EventRecord,
  type: MachineType,
  fromMs: number,
  repairsMs: readonly number[],
): Made | undefined {
  switch (event) {
    case 'failure':
      return eventTimeMs < fromMs
        ? { label: 'nothing', why: 'no step of the machine is known before it' }
        : {
            label: 'failure',
            why: `the forecasts of the ${type.horizonSteps} steps before it are held against it${type.failureEndsLife ? '; the life ends' : ''}`,
          };
    case 'maintenance':
      return repairsMs.includes(eventTimeMs)
        ? {
            label: 'censors',
            why: 'it answered a confirmed alert: what came of forecasts before it is known up to here',
          }
        : { label: 'runs-on', why: code === '' ? 'no end' : `no end; the age of ${code} begins anew` };
    case 'retired':
      return { label: 'ends', why: 'the life ends here in working order' };
    default:
      return undefined;
  }
}

function labelFeedback(
  { alert = '', code, eventTimeMs }: EventRecord,
  findings: readonly Finding[],
  judged: readonly JudgedAlert[],
  formatTime: (timeMs: number) => string,
): Made {
  const named = readAlertId(alert);
  const last = findings.find(({ feedback }) => feedback.alertId === alert)?.feedback;
  if (!named || !last) return { label: 'nothing', why: 'it names no alert' };
  if (last.saidMs !== eventTimeMs || last.verdict !== code)
    return { label: 'replaced', why: `"${last.verdict}" was said on ${formatTime(last.saidMs)}` };
  const own = judged.find(({ alertId }) => alertId === alert);
  if (!own)
    return {
      label: 'moment',
      why: `no such alert fired while the machine was watched; it speaks of ${formatTime(named.sinceMs)}`,
    };
  const { verdict } = own;
  if (verdict === 'confirmed' || verdict === 'false' || verdict === 'unclear')
    return { label: verdict, why: `its alert counts as ${verdict}; no failure decides` };
  return { label: 'outranked', why: `a failure followed: its alert is "${verdict}"` };
}
