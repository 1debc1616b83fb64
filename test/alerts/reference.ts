/**
 * A plain second telling of the rules of alerts, slow and without memory between records: for each input it folds
 * the whole history of one machine and rule again from its start, and finds what it needs to know of earlier
 * alerts by searching the records it has written. Shares nothing with alerts/ but the configured rule.
 */
import type { AlertRecord } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { Input } from './story.js';

export interface PlainRule {
  readonly name: string;
  readonly severities: readonly { readonly name: string; readonly set: number; readonly reset: number }[];
  readonly forMs: number;
  readonly holds?: { readonly times: number; readonly of: number } | undefined;
  readonly flapping?: { readonly from: number; readonly until: number } | undefined;
  readonly keepFiringMs: number;
  readonly provisional: 'ignore' | 'use';
  readonly notAssessableAfterMs: number;
  readonly minimumSteps: number;
  readonly reachMs: number;
}

export type PlainRecord = Pick<
  AlertRecord,
  | 'alertId'
  | 'sequence'
  | 'transition'
  | 'state'
  | 'severity'
  | 'timeMs'
  | 'sinceMs'
  | 'acknowledgedBy'
  | 'value'
>;

type Entry =
  | { readonly kind: 'forecast'; readonly forecast: ForecastRecord; readonly openBefore: string }
  | { readonly kind: 'tick'; readonly timeMs: number }
  | { readonly kind: 'reset'; readonly timeMs: number; readonly watched: boolean };

interface Seen {
  view: 'inactive' | 'pending' | 'firing' | 'not-assessable';
  severity: string;
  value: number | null;
  assessedMs: number | null;
  silent: boolean;
}

function fold(rule: PlainRule, entries: readonly Entry[], silentUntilMs: number): Seen {
  let level = 0;
  let firing = false;
  let heldFrom = -1;
  let clearFrom = -1;
  let gap = '';
  let assessedMs: number | null = null;
  let value: number | null = null;
  let met: boolean[] = [];
  let flapping = false;
  const enterGap = (kind: string): void => {
    gap = kind;
    if (!firing) {
      level = 0;
      heldFrom = -1;
    }
  };
  for (const entry of entries) {
    if (entry.kind === 'reset') {
      level = 0;
      firing = false;
      heldFrom = clearFrom = -1;
      met = [];
      flapping = false;
      gap = '';
      assessedMs = entry.watched ? Math.max(assessedMs ?? entry.timeMs, entry.timeMs) : null;
    } else if (entry.kind === 'tick') {
      if (assessedMs !== null && gap === '' && entry.timeMs >= assessedMs + rule.notAssessableAfterMs)
        enterGap('silence');
    } else {
      const { originMs, probabilities, stepIndex } = entry.forecast;
      if (probabilities.length === 0) {
        if (assessedMs === null || stepIndex + 1 < rule.minimumSteps) assessedMs = originMs;
        if (originMs >= assessedMs + rule.notAssessableAfterMs) enterGap(gap || 'forecast');
        continue;
      }
      gap = '';
      assessedMs = Math.max(assessedMs ?? 0, originMs);
      value = probabilities[13] as number;
      let reached = 0;
      for (let i = 1; i <= rule.severities.length; i++) {
        const { set, reset } = rule.severities[i - 1] as PlainRule['severities'][number];
        if (value >= set || (level >= i && value >= reset)) reached = i;
      }
      met.push(value >= (rule.severities[0]?.set ?? 0));
      if (rule.flapping) {
        const share = shareOfChanges(met);
        flapping = flapping ? share >= rule.flapping.until : share >= rule.flapping.from;
      }
      if (firing && flapping && reached <= level) clearFrom = -1;
      else if (firing) {
        if (reached > 0) {
          level = reached;
          clearFrom = -1;
        } else {
          if (clearFrom < 0) clearFrom = originMs;
          if (originMs - clearFrom >= rule.keepFiringMs) {
            firing = false;
            level = 0;
            clearFrom = -1;
          }
        }
      } else {
        level = reached;
        if (reached === 0) heldFrom = -1;
        else {
          if (heldFrom < 0) heldFrom = originMs;
          const often = rule.holds && met.slice(-rule.holds.of).filter((each) => each).length;
          if (rule.holds ? Number(often) >= rule.holds.times : originMs - heldFrom >= rule.forMs) {
            firing = true;
            heldFrom = -1;
          }
        }
      }
    }
  }
  if (gap === '' && assessedMs !== null && silentUntilMs >= assessedMs + rule.notAssessableAfterMs)
    enterGap('silence');
  return {
    view: gap !== '' ? 'not-assessable' : firing ? 'firing' : level > 0 ? 'pending' : 'inactive',
    severity: rule.severities[level - 1]?.name ?? '',
    value,
    assessedMs,
    silent: gap === 'silence',
  };
}

/** Before the first origin nothing was met; the newest of 20 changes weighs 1.2, the oldest 0.8. */
function shareOfChanges(met: readonly boolean[]): number {
  const seen = [...Array.from({ length: 21 }, () => false), ...met].slice(-21);
  let sum = 0;
  for (let i = 1; i <= 20; i++) if (seen[i] !== seen[i - 1]) sum += 0.8 + (0.4 * (i - 1)) / 19;
  return sum / 20;
}

/** All records of one rule on one machine; `inputs` is the whole partition, for the time it tells. */
export function tellPlainly(rule: PlainRule, machine: string, inputs: readonly Input[]): PlainRecord[] {
  const records: PlainRecord[] = [];
  let entries: Entry[] = [];
  let newest = { originMs: -1, revision: -1 };
  let settledMs = -1;
  let logTimeMs = Number.POSITIVE_INFINITY;
  let seen = fold(rule, entries, -1);

  const ofAlert = (alertId: string): PlainRecord[] => records.filter((record) => record.alertId === alertId);
  const openNow = (): PlainRecord | undefined => {
    const last = records.at(-1);
    return last && last.state !== 'resolved' ? last : undefined;
  };
  const write = (
    alertId: string,
    sinceMs: number,
    transition: AlertRecord['transition'],
    severity: string,
    timeMs: number,
    by: string,
  ): void => {
    const earlier = ofAlert(alertId);
    records.push({
      alertId,
      sequence: earlier.length,
      transition,
      state: seen.view === 'inactive' ? 'resolved' : seen.view,
      severity,
      timeMs: Math.max(timeMs, sinceMs, ...earlier.map((record) => record.timeMs)),
      sinceMs,
      acknowledgedBy: by,
      value: seen.value,
    });
  };
  const look = (
    next: Seen,
    timeMs: number,
    cause: 'forecast' | 'revision' | 'other',
    openBefore = '',
  ): void => {
    const was = seen;
    seen = next;
    const open = openNow();
    const earlier = open ? ofAlert(open.alertId) : [];
    const lastEnd = earlier.findLastIndex(({ state }) => state === 'resolved' || state === 'pending');
    const told = earlier.slice(lastEnd + 1).findLast(({ state }) => state === 'firing')?.severity ?? '';
    const rank = (name: string): number => rule.severities.findIndex((severity) => severity.name === name);
    const amended = cause === 'revision' && was.value !== next.value ? 'amended' : undefined;
    let transition: AlertRecord['transition'] | undefined;
    if (next.view === 'firing') {
      if (told === '') transition = 'fired';
      else if (rank(next.severity) > rank(told)) transition = 'raised';
      else if (rank(next.severity) < rank(told)) transition = 'lowered';
      else transition = was.view === 'not-assessable' ? 'assessable' : amended;
    } else if (next.view === was.view) transition = next.view === 'pending' ? amended : undefined;
    else if (next.view === 'pending')
      transition = ({ inactive: 'pending', firing: 'lowered', 'not-assessable': 'assessable' } as const)[
        was.view as 'inactive'
      ];
    else if (next.view === 'not-assessable') transition = 'not-assessable';
    else if (was.view === 'pending')
      transition = earlier.some(({ state }) => state === 'firing' || state === 'not-assessable')
        ? 'resolved'
        : 'cancelled';
    else {
      const fired = earlier.some((record) => record.transition === 'fired');
      transition = was.view === 'not-assessable' && !fired && cause !== 'other' ? 'assessable' : 'resolved';
    }
    if (transition === undefined) return;
    const severity = next.view === 'inactive' ? was.severity : next.severity;
    let sinceMs = open?.sinceMs;
    if (sinceMs === undefined) {
      const reopened = openBefore === '' ? undefined : ofAlert(openBefore)[0];
      sinceMs = Math.max(reopened?.sinceMs ?? timeMs, records.at(-1)?.sinceMs ?? 0);
    }
    const alertId = `${rule.name}/${machine}/${sinceMs}`;
    const by = transition === 'raised' ? '' : (ofAlert(alertId).at(-1)?.acknowledgedBy ?? '');
    write(alertId, sinceMs, transition, severity, timeMs, by);
  };

  const onForecast = (forecast: ForecastRecord): void => {
    const { originMs, revision, status } = forecast;
    const provisional = status === 'provisional';
    if (provisional && rule.provisional === 'ignore') return;
    if (originMs <= settledMs || originMs < newest.originMs) return;
    const isRevision = originMs === newest.originMs;
    if (isRevision && revision <= newest.revision) return;
    newest = { originMs, revision };
    const at = entries.findLastIndex((entry) => entry.kind === 'forecast');
    const resetSince = entries.slice(at + 1).some((entry) => entry.kind === 'reset');
    const replaced = isRevision && !resetSince ? entries[at] : undefined;
    const openBefore =
      replaced?.kind === 'forecast' ? replaced.openBefore : isRevision ? '' : (openNow()?.alertId ?? '');
    const entry: Entry = { kind: 'forecast', forecast, openBefore };
    const wasSilent = seen.silent;
    if (replaced) {
      // Ticks after it are told again by `silentUntilMs`, if they had an effect.
      entries = [...entries.slice(0, at), entry];
    } else entries = [...entries, entry];
    const silentUntilMs = isRevision && wasSilent ? logTimeMs : -1;
    const timeMs = provisional ? Math.min(originMs, logTimeMs) : originMs;
    look(
      fold(rule, entries, silentUntilMs),
      timeMs,
      isRevision ? 'revision' : 'forecast',
      isRevision ? openBefore : '',
    );
    if (seen.silent) entries = [...entries, { kind: 'tick', timeMs: logTimeMs }];
  };

  const onEvent = (event: EventRecord): void => {
    const timeMs = event.eventTimeMs;
    const open = openNow();
    if (event.event === 'acknowledge') {
      if (!open || event.code !== open.alertId || open.acknowledgedBy === event.by) return;
      write(open.alertId, open.sinceMs, 'acknowledged', seen.severity, timeMs, event.by);
      return;
    }
    const maintenance = event.event === 'maintenance';
    if (!maintenance && event.event !== 'failure' && event.event !== 'retired') return;
    if (timeMs <= settledMs) return;
    if (!maintenance && timeMs < newest.originMs - rule.reachMs) return;
    settledMs = timeMs;
    if (maintenance && ((open && timeMs < open.sinceMs) || seen.assessedMs === null)) return;
    entries = [...entries, { kind: 'reset', timeMs, watched: maintenance }];
    look(fold(rule, entries, -1), timeMs, 'other');
  };

  for (const input of inputs) {
    const heard = (timeMs: number): void => {
      logTimeMs = Number.isFinite(logTimeMs) ? Math.max(logTimeMs, timeMs) : timeMs;
    };
    if (input.kind === 'tick') {
      heard(input.timeMs);
      const dueMs = (seen.assessedMs ?? Number.POSITIVE_INFINITY) + rule.notAssessableAfterMs;
      entries = [...entries, { kind: 'tick', timeMs: input.timeMs }];
      look(fold(rule, entries, -1), dueMs, 'other');
    } else if (input.kind === 'event') {
      heard(input.ingestTimeMs);
      if (input.machine === machine) onEvent(input);
    } else {
      if (input.machine === machine) onForecast(input);
      if (input.status !== 'provisional') heard(input.originMs);
    }
  }
  return records;
}
