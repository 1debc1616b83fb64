/** The sentence of a notification that tells of several alerts. */
import type { AlertRecord } from '../domain/alert.js';
import type { Labels } from './labels.js';

const namedMax = 3;

/** `12 alerts of line hot: 2 critical, 9 warning, 1 resolved (press-001, press-002, press-003 and 9 more).` */
export function groupSummary(
  group: Labels,
  alerts: readonly AlertRecord[],
  omitted: number,
  reason: 'changed' | 'repeated',
): string {
  const counts = new Map<string, number>();
  for (const alert of alerts) {
    const word = stateWord(alert);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const total = alerts.length + omitted;
  const of = Object.entries(group).map(([label, value]) => `${label} ${value || 'unknown'}`);
  const machines = [...new Set(alerts.map(({ machine }) => machine))];
  const named = machines.slice(0, namedMax).join(', ');
  const more = total - Math.min(machines.length, namedMax);
  return [
    `${total} ${total === 1 ? 'alert' : 'alerts'}`,
    of.length > 0 ? ` of ${of.join(', ')}` : '',
    reason === 'repeated' ? ', unchanged' : '',
    `: ${[...counts].map(([word, count]) => `${count} ${word}`).join(', ')}`,
    omitted > 0 ? `, ${omitted} not listed` : '',
    ` (${named}${machines.length > namedMax ? ` and ${more} more` : ''}).`,
  ].join('');
}

function stateWord({ state, severity }: AlertRecord): string {
  return state === 'firing' ? severity : state.replace('-', ' ');
}
