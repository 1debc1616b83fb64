/** The trade-off of alerts and what went wrong with them, as lines for a terminal. */
import type { AlertPolicy, AlertTradeOff } from './alert-cost.js';
import type { AlertStory } from './alert-stories.js';

export function formatTradeOff({ costs, withinDays, ...weighed }: AlertTradeOff): string[] {
  const { inForce, never, always, cheapest } = weighed;
  const line = (name: string, { cost, warnedShare, alertsPerMachineMonth }: AlertPolicy) =>
    `  ${name.padEnd(34)} ${cost.toFixed(0).padStart(8)}   ${percent(warnedShare).padStart(5)} warned of in time, ` +
    `${alertsPerMachineMonth?.toFixed(2) ?? '–'} alerts per machine-month`;
  return [
    `Cost (failure ${costs.failure}, early maintenance ${costs.earlyMaintenance}, inspection ${costs.inspection}, false alarm ${costs.falseAlarm}):`,
    line('rules in force', inForce),
    line('never alert', never),
    line('always alert', always),
    line(`P(fail within ${withinDays} d) ≥ ${cheapest.threshold}, cheapest`, cheapest),
  ];
}

export function formatStories(stories: readonly AlertStory[], most = 10): string[] {
  if (stories.length === 0) return [];
  return [
    'What went wrong:',
    ...stories.slice(0, most).map((story) => `  ${storyText(story)}`),
    ...(stories.length > most ? [`  and ${stories.length - most} more (--json, --html)`] : []),
  ];
}

export const storyWords: Readonly<Record<AlertStory['kind'], string>> = {
  missed: 'missed failure',
  late: 'late warning of the failure',
  false: 'false alarm',
  'cleared-too-soon': 'alert cleared before the failure',
};

/** Such as "press-3, 2025-03-01: missed failure; …". */
function storyText({ kind, machine, timeMs, rule, cause, ...seen }: AlertStory): string {
  const day = new Date(timeMs).toISOString().slice(0, 10);
  return `${machine}, ${day}: ${storyWords[kind]}${rule ? ` of rule ${rule}` : ''}: ${cause}; ${storyEvidence(seen)}`;
}

export function storyEvidence(
  seen: Omit<AlertStory, 'kind' | 'machine' | 'timeMs' | 'rule' | 'cause'>,
): string {
  const { forecastCount, highest, newest, coverage, poorCount, silentSensors } = seen;
  return [
    highest === null ? 'no curve' : `the curve said at most ${percent(highest)}, at last ${percent(newest)}`,
    `coverage ${percent(coverage)}`,
    ...(poorCount > 0
      ? [`${poorCount} of ${forecastCount} forecasts not assessable or of the fallback`]
      : []),
    ...(silentSensors.length > 0 ? [`silent: ${silentSensors.join(', ')}`] : []),
  ].join(', ');
}

const percent = (value: number | null) => (value === null ? '–' : `${(100 * value).toFixed(0)} %`);
