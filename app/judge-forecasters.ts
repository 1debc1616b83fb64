/** The pipeline and its baselines, each through the alert stage with the same rules, judged by the same fates. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AlertsConfig } from '../alerts/config.js';
import { bindRules } from '../alerts/rule.js';
import { type Costs, cheapestOf, policyOf } from '../backtest/alert-cost.js';
import { type AlertTransition, transitionOf } from '../backtest/alert-episodes.js';
import { type AlertBounds, type AlertScore, scoreAlerts } from '../backtest/alert-score.js';
import type { Baseline, FindRow } from '../backtest/baselines/baseline.js';
import type { Finding } from '../backtest/feedback.js';
import { type CandidateRule, type ForecasterAlerts, judgeRule } from '../backtest/forecaster-alerts.js';
import type { Observation } from '../backtest/observation.js';
import type { MachineType } from '../domain/machine-type.js';
import { alertsUnder, alertsUnderCandidates } from './alert-sweep.js';
import type { Deployment } from './config.js';
import { byBaseline, type ForecastsPartition } from './forecaster-records.js';

export interface ForecastersAlerts {
  /** Of the pipeline, by the rules of the sweep. */
  readonly swept: readonly { readonly threshold: number; readonly score: AlertScore }[];
  /** The pipeline, then the baselines in their order. */
  readonly alerting: readonly ForecasterAlerts[];
}

export async function judgeForecasters(parts: {
  readonly deployment: Deployment;
  readonly type: MachineType;
  /** The pipeline's. */
  readonly name: string;
  readonly forecasts: readonly ForecastsPartition[];
  readonly observations: readonly Observation[];
  /** What people said of alerts. */
  readonly findings: readonly Finding[];
  /** Of the pipeline, under the rules in force. */
  readonly inForce: AlertScore;
  readonly baselines: readonly Baseline[];
  readonly find: FindRow;
  readonly sweep: readonly CandidateRule[];
  /** Of which each forecaster's own rule is the cheapest for it; default: those of the sweep. */
  readonly candidates?: readonly CandidateRule[];
  /** Own rules that were found elsewhere, in the order of the forecasters. */
  readonly ownRules?: readonly CandidateRule[];
  readonly bounds: AlertBounds;
  readonly costs: Costs;
  readonly dayMs: number;
  readonly signal?: AbortSignal;
}): Promise<ForecastersAlerts> {
  const { deployment, type, name, forecasts, observations, baselines, sweep, ownRules, costs, dayMs } = parts;
  const { alerts: config } = deployment.config;
  const types = [...deployment.types.values()];
  const machines = new Set(observations.map(({ machine }) => machine));
  const score = (alerts: readonly AlertTransition[], findings: readonly Finding[]): AlertScore =>
    scoreAlerts(
      alerts.filter(({ machine }) => machines.has(machine)),
      observations,
      parts.bounds,
      dayMs,
      findings,
    );
  const ofFailures = findingsOfFailures(parts.findings, config, types);
  const scoreRules = (rules: readonly CandidateRule[], records: readonly ForecastsPartition[]) =>
    alertsUnderCandidates(rules, config, type, dayMs, records, transitionOf).map((alerts) =>
      score(alerts, ofFailures),
    );
  const judge = (rule: CandidateRule | null, scored: AlertScore) =>
    judgeRule(rule, scored, observations, costs);

  const sweptScores = scoreRules(sweep, forecasts);
  const judgeForecaster = (
    who: string,
    place: number,
    records: readonly ForecastsPartition[],
    inForce: AlertScore,
  ): ForecasterAlerts => {
    const found = ownRules?.[place];
    const rules = found ? [found] : (parts.candidates ?? sweep);
    const scores = records === forecasts && rules === sweep ? sweptScores : scoreRules(rules, records);
    const best = cheapestOf(scores.map((each) => policyOf(each, costs, null)));
    return {
      name: who,
      inForce: judge(null, inForce),
      own: judge(rules[best] as CandidateRule, scores[best] as AlertScore),
      ownFoundOn: found ? 'other-rows' : 'these-rows',
    };
  };

  const alerting = [judgeForecaster(name, 0, forecasts, parts.inForce)];
  for (const [index, baseline] of baselines.entries()) {
    // One takes seconds: whoever asks to stop is heard in between.
    await nextTurn();
    parts.signal?.throwIfAborted();
    const records = byBaseline(forecasts, baseline, parts.find);
    const inForce = score(alertsUnder(config, types, records, transitionOf), parts.findings);
    alerting.push(judgeForecaster(baseline.name, index + 1, records, inForce));
  }
  return {
    swept: sweep.map(({ threshold }, index) => ({ threshold, score: sweptScores[index] as AlertScore })),
    alerting,
  };
}

/** Candidates stand in for the rules on the failure curve: what was said of alerts of these speaks of theirs. */
function findingsOfFailures(
  findings: readonly Finding[],
  config: AlertsConfig,
  types: readonly MachineType[],
): Finding[] {
  const rules = [...bindRules(config, types).values()].flat().filter(({ curve }) => curve === 'failure');
  const names = new Set<string | null>(rules.map(({ name }) => name));
  return findings.filter(({ rule }) => names.has(rule)).map((finding) => ({ ...finding, rule: null }));
}
