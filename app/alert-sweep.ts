/** The alert stage over forecasts that a replay has left, with rules other than those in force. */
import { makeAlertStage } from '../alerts/alert-stage.js';
import { type AlertsConfig, ruleSchema } from '../alerts/config.js';
import type { AlertRecord } from '../domain/alert.js';
import type { Log, LogRecord } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { topics } from '../domain/topics.js';

/** Close together where most curves are. */
export const sweptThresholds = [
  0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
] as const;

/** One rule without hold times: an alert from P(fail within `withinSteps`) ≥ threshold until it is below 0.8 of that. */
export function thresholdRule(
  config: AlertsConfig,
  type: MachineType,
  stepMs: number,
  withinSteps: number,
  threshold: number,
): AlertsConfig {
  const rule = ruleSchema.parse({
    name: 'threshold',
    types: [type.name],
    condition: `failure_probability(${withinSteps * stepMs}ms)`,
    severities: [{ name: config.severities.at(-1), set: threshold, reset: 0.8 * threshold }],
  });
  return { ...config, rules: [rule] };
}

/** All transitions, partition by partition. */
export async function alertsUnder(
  config: AlertsConfig,
  types: readonly MachineType[],
  log: Log,
): Promise<AlertRecord[]> {
  const alerts: AlertRecord[] = [];
  const handlerFor = makeAlertStage({ config, types, onTransition: (alert) => alerts.push(alert) });
  for (const { partition, beginOffset, endOffset } of await log.status(topics.forecasts)) {
    const handler = handlerFor({ topic: topics.forecasts, partition });
    const records: LogRecord[] = [];
    for await (const record of log.read({ topic: topics.forecasts, partition }, beginOffset, endOffset))
      records.push(record);
    await handler.process({ topic: topics.forecasts, partition, records });
    handler.close();
  }
  return alerts;
}
