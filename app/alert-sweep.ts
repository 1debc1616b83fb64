/** The alert stage over forecasts that a replay has left, with rules other than those in force. */
import { makeAlertStage } from '../alerts/alert-stage.js';
import { type AlertsConfig, type RuleConfig, ruleSchema } from '../alerts/config.js';
import type { CandidateRule } from '../backtest/forecaster-alerts.js';
import type { AlertRecord } from '../domain/alert.js';
import type { Batch, Log, LogRecord } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { topics } from '../domain/topics.js';

/** Close together where most curves are. */
const sweptThresholds = [
  0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
] as const;

/** By rising threshold. */
export function sweptRules(withinSteps: number, holdSteps = 0): CandidateRule[] {
  return sweptThresholds.map((threshold) => ({ withinSteps, threshold, holdSteps }));
}

/** A rule of the alert stage: fires at the threshold, and holds until the probability is below 0.8 of that. */
export function ruleConfig(
  name: string,
  { withinSteps, threshold, holdSteps }: CandidateRule,
  { severities }: AlertsConfig,
  type: MachineType,
  stepMs: number,
): RuleConfig {
  return ruleSchema.parse({
    name,
    types: [type.name],
    condition: `failure_probability(${withinSteps * stepMs}ms)`,
    severities: [{ name: severities.at(-1), set: threshold, reset: 0.8 * threshold }],
    for: `${holdSteps * stepMs}ms`,
  });
}

/** The transitions of each candidate, in their order; all candidates go through the stage at once. */
export async function alertsUnderCandidates(
  candidates: readonly CandidateRule[],
  config: AlertsConfig,
  type: MachineType,
  stepMs: number,
  forecasts: readonly Batch[],
): Promise<readonly (readonly AlertRecord[])[]> {
  const byRule = new Map<string, AlertRecord[]>();
  const rules = candidates.map((rule, index) => ruleConfig(`candidate-${index}`, rule, config, type, stepMs));
  for (const alert of await alertsUnder({ ...config, rules }, [type], forecasts)) {
    const own = byRule.get(alert.rule);
    if (own) own.push(alert);
    else byRule.set(alert.rule, [alert]);
  }
  return candidates.map((_, index) => byRule.get(`candidate-${index}`) ?? []);
}

/** What the alert stage consumes, a batch for each partition. */
export async function readForecasts(log: Log): Promise<readonly Batch[]> {
  const batches: Batch[] = [];
  for (const { partition, beginOffset, endOffset } of await log.status(topics.forecasts)) {
    const records: LogRecord[] = [];
    for await (const record of log.read({ topic: topics.forecasts, partition }, beginOffset, endOffset))
      records.push(record);
    batches.push({ topic: topics.forecasts, partition, records });
  }
  return batches;
}

/** All transitions, partition by partition. */
export async function alertsUnder(
  config: AlertsConfig,
  types: readonly MachineType[],
  forecasts: readonly Batch[],
): Promise<AlertRecord[]> {
  const alerts: AlertRecord[] = [];
  const handlerFor = makeAlertStage({ config, types, onTransition: (alert) => alerts.push(alert) });
  for (const batch of forecasts) {
    const handler = handlerFor(batch);
    await handler.process(batch);
    handler.close();
  }
  return alerts;
}
