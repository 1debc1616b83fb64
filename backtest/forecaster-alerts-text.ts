/** Forecasters side by side by their alerts, as lines for a terminal. */
import type { AlertFigures, CandidateRule, ForecasterAlerts, JudgedRule } from './forecaster-alerts.js';
import type { Interval } from './metrics/bootstrap.js';
import { alignColumns } from './report-text.js';

const percent = (value: number) => `${(100 * value).toFixed(0)} %`;
const places = (count: number) => (value: number) => value.toFixed(count);

/** The figures in the order in which they are shown. */
export const alertFigureWords: readonly {
  readonly title: string;
  readonly figure: keyof AlertFigures;
  readonly format: (value: number) => string;
}[] = [
  { title: 'failures warned of in time', figure: 'warnedShare', format: percent },
  { title: 'failures detected at all', figure: 'detectedShare', format: percent },
  { title: 'median lead time, days', figure: 'medianLeadDays', format: places(1) },
  { title: 'alerts per machine-month', figure: 'alertsPerMachineMonth', format: places(2) },
  { title: 'false alarms per machine-month', figure: 'falseAlarmsPerMachineMonth', format: places(2) },
  { title: 'precision of decided alerts', figure: 'precision', format: percent },
  { title: 'cost', figure: 'cost', format: places(0) },
  { title: 'saved over never alerting', figure: 'savedOverNever', format: percent },
  { title: 'saved over always alerting', figure: 'savedOverAlways', format: percent },
];

export function formatAlerting(alerting: readonly ForecasterAlerts[]): string[] {
  const table = (judged: (each: ForecasterAlerts) => JudgedRule) =>
    alertFigureWords.map(({ title, figure, format }) => [
      `  ${title}`,
      ...alerting.map((each) => figureText(judged(each), figure, format)),
    ]);
  const [heading, ...lines] = alignColumns([
    ['Alerts, with 95 % intervals', ...alerting.map(({ name }) => name)],
    ...table(({ inForce }) => inForce),
    ['  rule', ...alerting.map(({ own }) => ruleText(own.rule))],
    ...table(({ own }) => own),
  ]);
  return [
    heading as string,
    'The rules in force on the curves of each:',
    ...lines.slice(0, alertFigureWords.length),
    `${ownRuleWords(alerting)}:`,
    ...lines.slice(alertFigureWords.length),
  ];
}

export function ownRuleWords(alerting: readonly ForecasterAlerts[]): string {
  return alerting[0]?.ownFoundOn === 'other-rows'
    ? 'Each with the rule that was the cheapest for it on other rows'
    : 'Each with the rule that is the cheapest for it on these very rows, which flatters it';
}

/** Such as "P(30 d) ≥ 0.3 for 1 d". */
export function ruleText(rule: CandidateRule | null): string {
  if (rule === null) return 'in force';
  const { withinSteps, threshold, holdSteps } = rule;
  return `P(${withinSteps} d) ≥ ${threshold}${holdSteps > 0 ? ` for ${holdSteps} d` : ''}`;
}

/** Such as "0.21 (0.15–0.28)". */
export function figureText(
  { figures, intervals }: JudgedRule,
  figure: keyof AlertFigures,
  format: (value: number) => string,
): string {
  const value = figures[figure];
  return value === null ? '–' : `${format(value)}${range(intervals[figure], format)}`;
}

function range(interval: Interval | null, format: (value: number) => string): string {
  if (interval === null) return '';
  return ` (${format(interval.low)}${interval.low < 0 ? ' to ' : '–'}${format(interval.high)})`;
}
