/**
 * The life of one rule's alerts on one machine: inactive → pending → firing → resolved, with not-assessable beside
 * them. Synchronous and clockless: time comes from origins, events and ticks, so that a log gives the same bytes
 * whenever it is replayed.
 *
 * Invariants. An episode (one `alertId`) lasts from leaving inactive to resolved; its sequence counts its records.
 * Revisions of the newest origin are judged from the judgement before that origin, as if the revised forecast had
 * been the first: so late data amends, withdraws or re-opens an alert (the same `alertId`) and never repeats it.
 * Forecasts of older origins, known revisions, and origins at or before a failure, maintenance or retirement have
 * no effect.
 */
import type { AlertRecord } from '../domain/alert.js';
import { rungWords, type SimpleRung } from '../domain/fallback.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { EventRecord, TickRecord } from '../domain/input.js';
import { alertIdOf, type Episode, type Place, recordOf } from './episode.js';
import {
  type Judgement,
  judgeForecast,
  obstacleTo,
  silenceDeadlineMs,
  unwatched,
  withGap,
} from './judgement.js';
import type { Rule } from './rule.js';
import { sentence } from './sentence.js';

/** JSON-safe and immutable: kept as state entries. */
export interface RuleState {
  readonly newest: { readonly originMs: number; readonly revision: number } | null;
  readonly now: Judgement;
  /** The judgement from which revisions of the newest origin are judged, and its episode's start if one was open. */
  readonly before: Judgement;
  readonly beforeSinceMs: number | null;
  readonly open: Episode | null;
  /** The episode that ended last: a revision may re-open it. */
  readonly closed: Episode | null;
  /** Origins up to here know nothing of the newest failure, maintenance or retirement. */
  readonly settledMs: number | null;
}

export const initialState: RuleState = {
  newest: null,
  now: unwatched,
  before: unwatched,
  beforeSinceMs: null,
  open: null,
  closed: null,
  settledMs: null,
};

export interface Outcome {
  readonly state: RuleState;
  readonly alerts: readonly AlertRecord[];
}

/** A record and where and when it was read. */
export interface Arrival<T> {
  readonly record: T;
  /** Topic `forecasts`. */
  readonly offset: number;
  /**
   * Newest time that the partition had told of before this record: when a provisional forecast was made, whose
   * origin lies ahead. Infinity: it has told of none.
   */
  readonly logTimeMs: number;
}

/** What made a transition, for the record. */
interface Cause {
  readonly timeMs: number;
  /** Of an event or tick, or why a forecast is not assessable; else ''. */
  readonly reason: string;
  /** A revision of the newest origin. */
  readonly isRevision: boolean;
  readonly trace: AlertRecord['trace'];
  /** Who assigned or commented. */
  readonly by?: string;
  /** A sentence, where the forecast does not rest on the network. */
  readonly footing?: string;
}

/** The cause of what an event, a tick or a change of configuration brings about. */
const byRecord = (timeMs: number, reason: string): Cause => ({
  timeMs,
  reason,
  isRevision: false,
  trace: null,
});

/** The cause of what somebody says of an alert. */
const byPerson = ({ eventTimeMs, comment, by }: EventRecord): Cause => ({
  ...byRecord(eventTimeMs, comment),
  by: by || 'someone',
});

const unchanged = (state: RuleState): Outcome => ({ state, alerts: [] });

export function advanceByForecast(
  rule: Rule,
  place: Place,
  state: RuleState,
  { record: forecast, offset, logTimeMs }: Arrival<ForecastRecord>,
): Outcome {
  const { newest } = state;
  const provisional = forecast.status === 'provisional';
  if (provisional && rule.provisional === 'ignore') return unchanged(state);
  if (state.settledMs !== null && forecast.originMs <= state.settledMs) return unchanged(state);
  if (newest !== null && forecast.originMs < newest.originMs) return unchanged(state);
  const isRevision = newest !== null && forecast.originMs === newest.originMs;
  if (isRevision && forecast.revision <= newest.revision) return unchanged(state);

  const before = isRevision ? state.before : state.now;
  const beforeSinceMs = isRevision ? state.beforeSinceMs : (state.open?.sinceMs ?? null);
  let now = judgeForecast(rule, before, forecast);
  // Silence is ended by a newer origin, not by news of an old one, unless that shows that it was not yet due.
  if (isRevision && state.now.gap === 'silence' && logTimeMs >= silenceDeadlineMs(rule, now))
    now = withGap(now, 'silence');
  const judged: RuleState = {
    ...state,
    newest: { originMs: forecast.originMs, revision: forecast.revision },
    now,
    before,
    beforeSinceMs,
  };
  return tell(rule, place, state, judged, {
    timeMs: provisional ? Math.min(forecast.originMs, logTimeMs) : forecast.originMs,
    reason: obstacleTo(rule, forecast) ?? '',
    isRevision,
    trace: {
      originMs: forecast.originMs,
      revision: forecast.revision,
      model: forecast.model,
      ...(forecast.rung && { rung: forecast.rung }),
      forecastOffset: offset,
      ruleVersion: rule.version,
    },
    ...(forecast.rung && { footing: footingOf(forecast.rung, forecast.reason) }),
  });
}

function footingOf(rung: SimpleRung, reason: string): string {
  return ` The forecast rests on ${rungWords[rung]}, not on the network: ${reason}.`;
}

/** The moment from which a tick changes this state. */
export function tickDueMs(rule: Rule, state: RuleState): number {
  return silenceDeadlineMs(rule, state.now);
}

/** Silence: a transition carries the time at which it was due, however far apart the ticks are. */
export function advanceByTick(rule: Rule, place: Place, state: RuleState, tick: TickRecord): Outcome {
  const dueMs = tickDueMs(rule, state);
  if (tick.timeMs < dueMs) return unchanged(state);
  const last = rule.formatDate(dueMs - rule.notAssessableAfterMs);
  return tell(
    rule,
    place,
    state,
    { ...state, now: withGap(state.now, 'silence') },
    byRecord(dueMs, `no forecast since ${last}`),
  );
}

export function advanceByEvent(rule: Rule, place: Place, state: RuleState, event: EventRecord): Outcome {
  switch (event.event) {
    case 'failure':
      return settle(rule, place, state, event, 'failed');
    case 'retired':
      return settle(rule, place, state, event, 'retired');
    case 'maintenance':
      return settle(rule, place, state, event, 'maintenance');
    case 'acknowledge':
      return acknowledge(rule, place, state, event);
    case 'assign':
      return assign(rule, place, state, event);
    case 'comment':
      return comment(rule, place, state, event);
    case 'error':
    case 'feedback':
      return unchanged(state);
  }
}

/** The end of an alert whose rule is gone from the configuration or no longer meant for this machine. */
export function withdraw(
  rule: string,
  place: Place,
  open: Episode,
  now: Judgement,
  logTimeMs: number,
): AlertRecord {
  return recordOf(rule, place, open, {
    state: 'resolved',
    severity: now.severity,
    transition: open.everTold ? 'resolved' : 'cancelled',
    reason: 'rule-removed',
    timeMs: Math.max(logTimeMs, open.timeMs),
    acknowledgedBy: open.acknowledgedBy,
    value: now.value,
    summary: `${place.machine}: the rule "${rule}" no longer applies.`,
    trace: null,
  });
}

function settle(
  rule: Rule,
  place: Place,
  state: RuleState,
  event: EventRecord,
  reason: 'failed' | 'retired' | 'maintenance',
): Outcome {
  const timeMs = event.eventTimeMs;
  if (state.settledMs !== null && timeMs <= state.settledMs) return unchanged(state);
  const settled: RuleState = { ...state, settledMs: timeMs };
  if (reason === 'maintenance') {
    // Work done before the episode began is no answer to it; the revised forecast will say what it changed.
    if (state.open !== null && timeMs < state.open.sinceMs) return unchanged(settled);
    if (state.now.assessedMs === null) return unchanged(settled);
  } else if (state.newest !== null && timeMs < state.newest.originMs - rule.reachMs) return unchanged(state);
  // After maintenance the machine is given time to be heard of again; after its end it is not watched.
  const assessedMs = reason === 'maintenance' ? Math.max(state.now.assessedMs ?? timeMs, timeMs) : null;
  const now: Judgement = { ...unwatched, value: state.now.value, assessedMs };
  return tell(
    rule,
    place,
    state,
    { ...settled, now, before: now, beforeSinceMs: null },
    byRecord(timeMs, reason),
  );
}

function acknowledge(rule: Rule, place: Place, state: RuleState, event: EventRecord): Outcome {
  const { open } = state;
  // '' in a record means that nobody has.
  const acknowledgedBy = event.by || 'someone';
  if (open === null || event.code !== alertIdOf(rule.name, place, open)) return unchanged(state);
  if (open.acknowledgedBy === acknowledgedBy && open.comment === event.comment) return unchanged(state);
  const seen: Episode = { ...open, acknowledgedBy, comment: event.comment };
  return write(rule, place, state, state, seen, 'acknowledged', byRecord(event.eventTimeMs, event.comment));
}

function assign(rule: Rule, place: Place, state: RuleState, event: EventRecord): Outcome {
  const { open } = state;
  const { to = '' } = event;
  if (open === null || event.code !== alertIdOf(rule.name, place, open) || to === '') return unchanged(state);
  if (open.assignedTo === to) return unchanged(state);
  return write(rule, place, state, state, { ...open, assignedTo: to }, 'assigned', byPerson(event));
}

function comment(rule: Rule, place: Place, state: RuleState, event: EventRecord): Outcome {
  const { open } = state;
  if (open === null || event.code !== alertIdOf(rule.name, place, open)) return unchanged(state);
  return write(rule, place, state, state, open, 'commented', byPerson(event));
}

type View = 'inactive' | 'pending' | 'firing' | 'not-assessable';

const viewOf = ({ phase, gap }: Judgement): View => (gap === '' ? phase : 'not-assessable');

/** Compares what was to be seen with what is, opens or closes the episode, and writes the record for it. */
function tell(rule: Rule, place: Place, was: RuleState, is: RuleState, cause: Cause): Outcome {
  const transition = decideTransition(rule, was, is, cause);
  if (transition === undefined) return unchanged(is);
  return write(rule, place, was, is, was.open ?? openEpisode(is, cause), transition, cause);
}

/** What to tell; undefined: nothing. */
function decideTransition(
  rule: Rule,
  was: RuleState,
  is: RuleState,
  cause: Cause,
): AlertRecord['transition'] | undefined {
  const from = viewOf(was.now);
  const to = viewOf(is.now);
  switch (to) {
    case 'inactive':
      if (from === 'inactive') return undefined;
      if (from === 'pending') return was.open?.everTold ? 'resolved' : 'cancelled';
      return from === 'firing' || was.open?.everFired || cause.trace === null ? 'resolved' : 'assessable';
    case 'not-assessable':
      return from === 'not-assessable' ? undefined : 'not-assessable';
    case 'pending':
      if (from === 'not-assessable') return 'assessable';
      if (from === 'inactive') return 'pending';
      // Fired by a forecast that its revision takes back without clearing the condition.
      if (from === 'firing') return 'lowered';
      return cause.isRevision && was.now.value !== is.now.value ? 'amended' : undefined;
    case 'firing': {
      const told = was.open?.toldSeverity ?? '';
      if (told === '') return 'fired';
      const rank = (severity: string): number => rule.severities.findIndex(({ name }) => name === severity);
      const change = rank(is.now.severity) - rank(told);
      if (change !== 0) return change > 0 ? 'raised' : 'lowered';
      if (from === 'not-assessable') return 'assessable';
      return cause.isRevision && was.now.value !== is.now.value ? 'amended' : undefined;
    }
  }
}

/** A new episode, or the one that ended last when a revision takes back its end or the same moment begins again. */
function openEpisode(state: RuleState, { timeMs, isRevision }: Cause): Episode {
  const beginMs = isRevision ? (state.beforeSinceMs ?? timeMs) : timeMs;
  const sinceMs = Math.max(beginMs, state.closed?.sinceMs ?? beginMs);
  if (state.closed?.sinceMs === sinceMs) return state.closed;
  return {
    sinceMs,
    sequence: 0,
    timeMs: sinceMs,
    everFired: false,
    everTold: false,
    toldSeverity: '',
    severitySinceMs: null,
    acknowledgedBy: '',
    comment: '',
  };
}

/** Numbers the transition, moves the episode on, and closes it when nothing is left to be seen. */
function write(
  rule: Rule,
  place: Place,
  was: RuleState,
  is: RuleState,
  episode: Episode,
  transition: AlertRecord['transition'],
  cause: Cause,
): Outcome {
  const view = viewOf(is.now);
  const state: AlertRecord['state'] = view === 'inactive' ? 'resolved' : view;
  const severity = state === 'resolved' ? was.now.severity : is.now.severity;
  const timeMs = Math.max(cause.timeMs, episode.timeMs);
  const changed = transition === 'fired' || transition === 'raised' || transition === 'lowered';
  const after: Episode = {
    ...episode,
    sequence: episode.sequence + 1,
    timeMs,
    everFired: episode.everFired || transition === 'fired',
    everTold: episode.everTold || state === 'firing' || state === 'not-assessable',
    toldSeverity:
      state === 'not-assessable' ? episode.toldSeverity : state === 'firing' ? is.now.severity : '',
    severitySinceMs: changed ? timeMs : episode.severitySinceMs,
    // Who has seen a warning has not seen that it became critical.
    acknowledgedBy: transition === 'raised' ? '' : episode.acknowledgedBy,
    comment: transition === 'raised' ? '' : episode.comment,
  };
  const reason = reasonFor(transition, state, cause);
  const { by } = cause;
  const happening = { transition, state, reason, severity, timeMs, now: is.now, episode: after, by };
  const alert = recordOf(rule.name, place, episode, {
    state,
    severity,
    transition,
    reason,
    timeMs,
    acknowledgedBy: after.acknowledgedBy,
    value: is.now.value,
    summary: sentence(rule, place, happening) + (cause.footing ?? ''),
    trace: cause.trace,
    ...(after.assignedTo && { assignedTo: after.assignedTo }),
    ...(by && { by }),
  });
  const kept = state === 'resolved' ? { open: null, closed: after } : { open: after };
  return { state: { ...is, ...kept }, alerts: [alert] };
}

/** Forecasts give no reason of their own except for why they are not assessable; events and ticks always do. */
function reasonFor(transition: AlertRecord['transition'], state: AlertRecord['state'], cause: Cause): string {
  if (cause.trace === null) return cause.reason;
  if (state === 'resolved') return 'condition-cleared';
  if (state === 'not-assessable') return cause.reason;
  if (cause.isRevision) return 'forecast-revised';
  switch (transition) {
    case 'raised':
      return 'condition-worse';
    case 'lowered':
      return 'condition-better';
    case 'assessable':
      return 'assessable-again';
    default:
      return 'condition-met';
  }
}
