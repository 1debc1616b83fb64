/** One sentence or two for each transition: what happened, with its numbers and dates. */
import type { AlertRecord } from '../domain/alert.js';
import { conditionWords, durationWords, valueWords } from './condition.js';
import type { Episode, Place } from './episode.js';
import type { Judgement } from './judgement.js';
import type { Rule } from './rule.js';
import { fillTemplate } from './summary.js';

export interface Happening {
  readonly transition: AlertRecord['transition'];
  readonly state: AlertRecord['state'];
  readonly reason: string;
  readonly severity: string;
  readonly timeMs: number;
  readonly now: Judgement;
  /** As it is after the transition. */
  readonly episode: Episode;
  /** Who assigned or commented. */
  readonly by?: string | undefined;
}

export function sentence(rule: Rule, place: Place, happening: Happening): string {
  const { transition, state, now, episode } = happening;
  const { machine } = place;
  const words = conditionWords(rule.condition);
  const value = valueWords(rule.condition, now.value);
  switch (transition) {
    case 'resolved':
      return `${ending(rule, place, happening)}${hindsight(rule, happening)}`;
    case 'cancelled':
      return happening.reason === 'condition-cleared'
        ? `${machine}: ${words} fell back to ${value} before an alert was due.`
        : ending(rule, place, happening);
    case 'not-assessable':
      return standing(rule, place, happening);
    case 'assessable':
      return state === 'resolved'
        ? `${machine} can be assessed again: ${words} ${value}.`
        : `${machine} can be assessed again. ${standing(rule, place, happening)}`;
    case 'amended':
      return `${standing(rule, place, happening)} Revised by late data.`;
    case 'acknowledged': {
      const comment = episode.comment === '' ? '' : `: ${episode.comment}`;
      return `${standing(rule, place, happening)} Acknowledged by ${episode.acknowledgedBy}${comment}.`;
    }
    case 'assigned': {
      const comment = happening.reason === '' ? '' : `: ${happening.reason}`;
      return `${standing(rule, place, happening)} Assigned to ${episode.assignedTo} by ${happening.by}${comment}.`;
    }
    case 'commented':
      return `${standing(rule, place, happening)} ${happening.by}: ${happening.reason}`;
    case 'pending':
    case 'fired':
    case 'raised':
    case 'lowered':
      return standing(rule, place, happening);
  }
}

/** What holds while the alert is open. */
function standing(
  rule: Rule,
  place: Place,
  { state, reason, severity, now, episode, timeMs }: Happening,
): string {
  const words = conditionWords(rule.condition);
  const value = valueWords(rule.condition, now.value);
  if (state === 'not-assessable') {
    const before = severity === '' ? '' : ` It is ${severity} by what was known before.`;
    return `${place.machine} cannot be assessed${reason === '' ? '' : `: ${reason}`}.${before}`;
  }
  if (state === 'pending')
    return `${place.machine}: ${words} ${value}; an alert (${severity}) follows if this holds ${patience(rule)}.`;
  return fillTemplate(rule.summary, {
    ...place,
    rule: rule.name,
    condition: rule.condition,
    value: now.value,
    expectedSteps: now.expectedSteps,
    stepMs: rule.stepMs,
    horizonSteps: rule.horizonSteps,
    severity,
    since: rule.formatDate(episode.severitySinceMs ?? timeMs),
    labels: rule.labels,
  });
}

function patience({ holds, forMs }: Rule): string {
  return holds ? `in ${holds.times} of ${holds.of} forecasts` : `for ${durationWords(forMs)}`;
}

function ending(rule: Rule, { machine }: Place, { reason, now, timeMs }: Happening): string {
  const date = rule.formatDate(timeMs);
  switch (reason) {
    case 'failed':
      return `${machine} failed on ${date}.`;
    case 'maintenance':
      return `${machine} had maintenance on ${date}.`;
    case 'retired':
      return `${machine} was taken out of service on ${date}.`;
    default:
      if (now.assessedMs === null)
        return `${machine} is forecast in another way now, which the rule "${rule.name}" does not judge.`;
      return `${machine}${hasCleared(rule)}: ${conditionWords(rule.condition)} ${valueWords(rule.condition, now.value)}.`;
  }
}

function hasCleared({ condition }: Rule): string {
  switch (condition.kind) {
    case 'failure-probability':
    case 'expected-day':
      return ' is no longer likely to fail';
    case 'limit-probability':
    case 'limit-day':
      return ' no longer departs from what is expected of it';
    default:
      return '';
  }
}

function hindsight(rule: Rule, { severity, episode }: Happening): string {
  if (!episode.everFired || severity === '') return '';
  return ` The alert (${severity}) stood since ${rule.formatDate(episode.sinceMs)}.`;
}
