/**
 * Alerts on public data, chosen on one part and judged on another: networks and baselines are trained for the first part, each gets the
 * rule that is cheapest for it there, then they are trained anew for the second part and judged with that rule.
 */
import type { Costs } from '../../backtest/alert-cost.js';
import type { AlertBounds } from '../../backtest/alert-score.js';
import type { CandidateRule, ForecasterAlerts } from '../../backtest/forecaster-alerts.js';
import { wallClock } from '../../domain/clock.js';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { openPredictor } from '../../model/predict.js';
import { featureSpec } from '../../stream/features.js';
import { makeStepCalendar } from '../../stream/step-calendar.js';
import { ruleConfig, sweptRules } from '../alert-sweep.js';
import { type BacktestOutcome, runBacktest } from '../backtest.js';
import type { Deployment } from '../config.js';
import type { Period } from '../forecaster-records.js';
import { type BenchmarkRequest, trainNetworks } from './networks.js';

/** What is trained on, and what is judged. */
export interface AlertTrial {
  readonly deployment: Deployment;
  readonly type: MachineType;
  readonly training: readonly History[];
  readonly dataset: Dataset;
  /** Default: all of the data set. */
  readonly period?: Period;
  readonly bounds: AlertBounds;
  /** In a sentence. */
  readonly protocol: string;
}

export interface AlertBenchmarkRequest extends BenchmarkRequest {
  readonly costs: Costs;
}

/** What rules may speak of: the probability of a failure within so many days. */
export interface RuleChoice {
  readonly withinDays: readonly number[];
}

export interface AlertBenchmarkResult {
  readonly dataset: string;
  readonly protocol: { readonly choice: string; readonly test: string };
  readonly costs: Costs;
  readonly bounds: AlertBounds;
  /** Every forecaster on the part that rules were chosen on. */
  readonly choice: readonly ForecasterAlerts[];
  readonly test: BacktestOutcome;
  readonly seconds: number;
}

/** Tried for every forecaster: probabilities within some times, 16 thresholds each, at once or after one or two days. */
function ruleGrid(withins: readonly number[], { horizonSteps }: MachineType): CandidateRule[] {
  const known = new Set(withins.map((steps) => Math.min(steps, horizonSteps)));
  return [...known].flatMap((withinSteps) =>
    [0, 1, 2].flatMap((holdSteps) => sweptRules(withinSteps, holdSteps)),
  );
}

/** Both trials are read before the first is trained. */
export async function benchmarkAlerts(
  dataset: string,
  choice: AlertTrial,
  test: AlertTrial,
  request: AlertBenchmarkRequest & RuleChoice,
): Promise<AlertBenchmarkResult> {
  const startedMs = wallClock.nowMs();
  const chosen = await judgeTrial(choice, request, {
    candidates: ruleGrid(request.withinDays, choice.type),
  });
  const ownRules = chosen.alerting.map(({ own }) => own.rule as CandidateRule);
  const [first] = ownRules as [CandidateRule, ...CandidateRule[]];
  const { alerts: config } = test.deployment.config;
  const stepMs = makeStepCalendar(test.type.step).nominalMs;
  const rules = [ruleConfig('chosen', first, config, test.type, stepMs)];
  const deployment: Deployment = {
    ...test.deployment,
    config: { ...test.deployment.config, alerts: { ...config, rules } },
  };
  const judged = await judgeTrial({ ...test, deployment }, request, { ownRules });
  return {
    dataset,
    protocol: { choice: choice.protocol, test: test.protocol },
    costs: request.costs,
    bounds: test.bounds,
    choice: chosen.alerting,
    test: judged,
    seconds: (wallClock.nowMs() - startedMs) / 1000,
  };
}

async function judgeTrial(
  { deployment, type, training, dataset, period, bounds }: AlertTrial,
  request: AlertBenchmarkRequest,
  rules: { readonly candidates: readonly CandidateRule[] } | { readonly ownRules: readonly CandidateRule[] },
): Promise<BacktestOutcome> {
  if (!training.some(({ eventDay }) => eventDay.some((day) => day > 0)))
    throw new UserError(
      `no failure is known in the part of ${dataset.name} that is trained on: train on more of it`,
    );
  const { costs, signal, onProgress } = request;
  const { seeds, ensemble } = await trainNetworks(type, training, request);
  const artifact = ensemble ?? seeds[0];
  const engine = new OnnxEngine();
  try {
    const predictor = await openPredictor(
      (artifact as (typeof seeds)[number]).directory,
      engine,
      featureSpec(type),
    );
    onProgress?.({ phase: 'score' });
    const outcome = await runBacktest({
      deployment,
      type,
      predictor,
      source: { kind: 'dataset', dataset },
      training,
      selection: 'all',
      bounds,
      costs,
      ...(period ? { period } : {}),
      ...rules,
      ...(signal ? { signal } : {}),
    });
    await predictor.close();
    if (outcome.report.rows.judgedCount === 0)
      throw new UserError(`no forecast of ${dataset.name} could be judged; choose days that it has`);
    return outcome;
  } finally {
    await engine.close();
  }
}
