/** Which record wins where two say something about the same thing: the same rules for every store of ours. */
import type { AlertRecord, AlertState } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { Span } from '../../domain/store.js';

/** True: `next` is shown as the machine's newest forecast instead of `shown`. Does not depend on the order of arrival. */
export function isNewerForecast(next: ForecastRecord, shown: ForecastRecord | undefined): boolean {
  if (!shown || next.originMs !== shown.originMs) return !shown || next.originMs > shown.originMs;
  // Two models forecast the same origin: the higher revision, then the greater name.
  return next.revision === shown.revision ? next.model >= shown.model : next.revision > shown.revision;
}

/** The time from which this event keeps the machine out of the fleet, until a forecast with a later origin. */
export function removalMs(event: EventRecord): number | undefined {
  return event.event === 'failure' || event.event === 'retired' ? event.eventTimeMs : undefined;
}

export function isOpenAlert(alert: AlertRecord): boolean {
  return alert.state !== 'resolved';
}

export function isInSpan(timeMs: number, span: Span): boolean {
  return timeMs >= (span.fromMs ?? -Infinity) && timeMs < (span.toMs ?? Infinity);
}

export function matchesStates(alert: AlertRecord, states: readonly AlertState[] | undefined): boolean {
  return states === undefined || states.includes(alert.state);
}

/** Order of `alerts`: newest first; ids, descending, make it the same always. */
export function compareAlerts(a: AlertRecord, b: AlertRecord): number {
  return b.timeMs - a.timeMs || compareText(b.alertId, a.alertId);
}

/** Order of `events`: newest first; what happened and its code, descending, make it the same always. */
export function compareEvents(a: EventRecord, b: EventRecord): number {
  return b.eventTimeMs - a.eventTimeMs || compareText(b.event, a.event) || compareText(b.code, a.code);
}

/** By code units, as LMDB's UTF-8 order for all but characters outside the basic plane. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
