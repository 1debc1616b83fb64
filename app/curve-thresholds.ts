/** The rules' thresholds as lines over the curves, for the page. */

import type { AlertsConfig } from '../alerts/config.js';
import { bindRules } from '../alerts/rule.js';
import type { MachineType } from '../domain/machine-type.js';
import type { RuleThreshold } from '../infra/http/wire.js';

/** Only conditions on the probability can be drawn; one line per rule and severity, the same of two types once. */
export function curveThresholds(
  alerts: AlertsConfig,
  types: readonly MachineType[],
): readonly RuleThreshold[] {
  const found = new Map<string, RuleThreshold>();
  for (const rule of [...bindRules(alerts, types).values()].flat()) {
    const { condition } = rule;
    if (!('withinMs' in condition)) continue;
    const days = Math.round(condition.withinMs / rule.stepMs);
    for (const { name, set } of rule.severities)
      found.set(`${rule.name}|${days}|${name}`, {
        rule: rule.name,
        days,
        severity: name,
        set,
        curve: condition.kind === 'failure-probability' ? 'failure' : 'health-limit',
      });
  }
  return [...found.values()];
}
