/** The labels of an alert: what routes, silences and inhibition go by. */
import type { AlertRecord } from '../domain/alert.js';
import type { AlertsConfig } from './config.js';

export type Labels = Readonly<Record<string, string>>;

/** Labels that every alert has; those that its rule gives it come beside them. */
export const fixedLabels = ['machine', 'type', 'site', 'line', 'rule'] as const;
/** Those that change in the life of an alert: nothing can be grouped by them. */
export const changingLabels = ['severity', 'state'] as const;

export function makeLabelsOf({ rules = [] }: AlertsConfig): (alert: AlertRecord) => Labels {
  const labels = new Map(rules.map((rule) => [rule.name, rule.labels]));
  return (alert) => ({
    ...labels.get(alert.rule),
    machine: alert.machine,
    type: alert.type,
    site: alert.site,
    line: alert.line,
    rule: alert.rule,
    severity: alert.severity,
    state: alert.state,
  });
}
