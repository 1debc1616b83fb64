/** Why a failure was missed or an alert was false: what the curve said, on what data, and what the rules made of it. */
import type { AlertRecord } from '../domain/alert.js';
import { type ForecastRecord, probabilityWithin } from '../domain/forecast.js';
import type { AlertScore } from './alert-score.js';

export interface AlertStory {
  readonly kind: 'missed' | 'late' | 'false' | 'cleared-too-soon';
  readonly machine: string;
  /** Of the failure, or of the alert's firing. */
  readonly timeMs: number;
  /** Rule of the alert; null for a failure. */
  readonly rule: string | null;
  /** Forecasts looked at: those of the claim's days before the failure, or after the firing. */
  readonly forecastCount: number;
  /** Greatest P(fail within `withinDays`) among them; null without an assessable one. */
  readonly highest: number | null;
  /** Of the newest of them. */
  readonly newest: number | null;
  /** Mean coverage, [0, 1]; null without forecasts. */
  readonly coverage: number | null;
  /** Forecasts among them that were not assessable, or of the fallback. */
  readonly poorCount: number;
  /** Sensors that were silent in any of them. */
  readonly silentSensors: readonly string[];
  /** What stood between the curve and an alert, or ended it, in words. */
  readonly cause: string;
}

/** One story for each failure that came unwarned and each alert that was wrong, by time. */
export function alertStories(
  score: AlertScore,
  forecasts: readonly ForecastRecord[],
  alerts: readonly AlertRecord[],
  options: { readonly withinDays: number; readonly dayMs: number },
): AlertStory[] {
  const { withinDays, dayMs } = options;
  const claimMs = score.bounds.claimDays * dayMs;
  const look = (machine: string, fromMs: number, toMs: number) => ({
    ...lookAt(
      forecasts.filter(
        (forecast) =>
          forecast.machine === machine &&
          forecast.status !== 'provisional' &&
          forecast.originMs > fromMs &&
          forecast.originMs <= toMs,
      ),
      withinDays,
    ),
    transitions: alerts.filter(
      (alert) => alert.machine === machine && alert.timeMs > fromMs && alert.timeMs <= toMs,
    ),
  });
  const ofFailures = score.failures.flatMap(({ machine, failureMs, verdict, leadDays }): AlertStory[] => {
    if (verdict !== 'missed' && verdict !== 'late') return [];
    const { transitions, ...seen } = look(machine, failureMs - claimMs, failureMs);
    const cause =
      verdict === 'late'
        ? `the alert fired ${(leadDays as number).toFixed(1)} days before`
        : causeOfMiss(seen, transitions);
    return [{ kind: verdict, machine, timeMs: failureMs, rule: null, ...seen, cause }];
  });
  const ofAlerts = score.alerts.flatMap(
    ({ machine, firedMs, rule, verdict, alertId, feedback }): AlertStory[] => {
      if (verdict !== 'false' && verdict !== 'cleared-too-soon') return [];
      // The forecast that made it fire has its time as origin.
      const { transitions, ...seen } = look(machine, firedMs - 1, firedMs + claimMs);
      const end = transitions.find((each) => each.alertId === alertId && each.state === 'resolved');
      const cause = end
        ? `it resolved after ${((end.timeMs - firedMs) / dayMs).toFixed(1)} days: ${end.reason}`
        : 'it stood for the whole time that it spoke of';
      const said =
        feedback?.verdict === 'false' ? `${feedback.by || 'somebody'} looked: nothing was wrong; ` : '';
      return [{ kind: verdict, machine, timeMs: firedMs, rule, ...seen, cause: said + cause }];
    },
  );
  return [...ofFailures, ...ofAlerts].sort((a, b) => a.timeMs - b.timeMs);
}

type Seen = Pick<
  AlertStory,
  'forecastCount' | 'highest' | 'newest' | 'coverage' | 'poorCount' | 'silentSensors'
>;

function lookAt(forecasts: readonly ForecastRecord[], withinDays: number): Seen {
  const ascending = [...forecasts].sort((a, b) => a.originMs - b.originMs || a.revision - b.revision);
  const said = ascending.flatMap((forecast) => probabilityWithin(forecast, withinDays) ?? []);
  return {
    forecastCount: ascending.length,
    highest: said.length === 0 ? null : Math.max(...said),
    newest: said.at(-1) ?? null,
    coverage:
      ascending.length === 0
        ? null
        : ascending.reduce((sum, { coverage }) => sum + coverage, 0) / ascending.length,
    poorCount: ascending.filter(({ status }) => status !== 'ok').length,
    silentSensors: [...new Set(ascending.flatMap(({ silentSensors }) => silentSensors))].sort(),
  };
}

/** The stage nearest to an alert is what suppressed it. */
function causeOfMiss({ forecastCount, highest }: Seen, transitions: readonly AlertRecord[]): string {
  const cleared = transitions.findLast(({ transition }) => transition === 'resolved');
  if (cleared) return `rule ${cleared.rule}: its alert had cleared (${cleared.reason})`;
  const held = transitions.findLast(
    ({ transition }) => transition === 'pending' || transition === 'cancelled',
  );
  if (held)
    return held.transition === 'cancelled'
      ? `rule ${held.rule}: pending, but gone again before its hold time`
      : `rule ${held.rule}: pending when the failure came; its hold time was too long`;
  if (transitions.some(({ state }) => state === 'not-assessable'))
    return 'the machine could not be assessed: data was missing';
  if (forecastCount === 0) return 'there was no forecast';
  return highest === null ? 'no forecast could be assessed' : 'the curve reached no threshold';
}
