/** Rules other than those in force over the forecasts that a replay has left. */
import { type AlertsConfig, type RuleConfig, ruleSchema } from '../alerts/config.js';
import { PartitionRules } from '../alerts/partition-rules.js';
import { bindRules } from '../alerts/rule.js';
import type { CandidateRule } from '../backtest/forecaster-alerts.js';
import type { AlertRecord } from '../domain/alert.js';
import type { Log } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { decodeRecord, type TopicRecords, topics } from '../domain/topics.js';
import type { ForecastsPartition } from './forecaster-records.js';

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

/** The transitions of each candidate, in their order; all candidates are judged at once. `keep`: as `alertsUnder`. */
export function alertsUnderCandidates<Kept extends Pick<AlertRecord, 'rule'> = AlertRecord>(
  candidates: readonly CandidateRule[],
  config: AlertsConfig,
  type: MachineType,
  stepMs: number,
  forecasts: readonly ForecastsPartition[],
  keep?: (alert: AlertRecord) => Kept,
): readonly (readonly Kept[])[] {
  const byRule = new Map<string, Kept[]>();
  const rules = candidates.map((rule, index) => ruleConfig(`candidate-${index}`, rule, config, type, stepMs));
  for (const alert of alertsUnder({ ...config, rules }, [type], forecasts, keep)) {
    const own = byRule.get(alert.rule);
    if (own) own.push(alert);
    else byRule.set(alert.rule, [alert]);
  }
  return candidates.map((_, index) => byRule.get(`candidate-${index}`) ?? []);
}

/** What the alert stage consumes, partition by partition. */
export async function readForecasts(log: Log): Promise<readonly ForecastsPartition[]> {
  const partitions: ForecastsPartition[] = [];
  for (const { partition, beginOffset, endOffset } of await log.status(topics.forecasts)) {
    const records: { record: TopicRecords['forecasts']; offset: number }[] = [];
    for await (const record of log.read({ topic: topics.forecasts, partition }, beginOffset, endOffset))
      records.push({ record: decodeRecord(topics.forecasts, record), offset: record.offset });
    partitions.push(records);
  }
  return partitions;
}

/** All transitions, partition by partition: what the alert stage makes of these records; of each what `keep` keeps, default all. */
export function alertsUnder<Kept = AlertRecord>(
  config: AlertsConfig,
  types: readonly MachineType[],
  forecasts: readonly ForecastsPartition[],
  keep: (alert: AlertRecord) => Kept = (alert) => alert as Kept,
): Kept[] {
  const rulesByType = bindRules(config, types);
  const alerts: Kept[] = [];
  for (const partition of forecasts) {
    const rules = new PartitionRules(rulesByType);
    for (const { record, offset } of partition)
      for (const alert of rules.take(record, offset)) alerts.push(keep(alert));
  }
  return alerts;
}
