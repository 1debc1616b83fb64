/** A data set through the live stages, judged by what happened: the work behind `millwright backtest` and the demo. */
import { type AlertTradeOff, type Costs, weighAlerts } from '../backtest/alert-cost.js';
import { alertEpisodes } from '../backtest/alert-episodes.js';
import { type AlertBounds, scoreAlerts } from '../backtest/alert-score.js';
import { type AlertStory, alertStories } from '../backtest/alert-stories.js';
import { indexHistories } from '../backtest/baselines/baseline.js';
import { type Baselines, fitBaselines } from '../backtest/baselines/fit-baselines.js';
import { feedLog } from '../backtest/feed.js';
import { findingsIn } from '../backtest/feedback.js';
import type { CandidateRule, ForecasterAlerts } from '../backtest/forecaster-alerts.js';
import { judgeReplay } from '../backtest/judge-replay.js';
import type { Observation } from '../backtest/observation.js';
import { withRepairs } from '../backtest/observe-replay.js';
import { readTopic } from '../backtest/read-topic.js';
import { type ReplayProgress, type ReplayResult, replay } from '../backtest/replay.js';
import type { BacktestReport } from '../backtest/report.js';
import type { Selection } from '../backtest/rows.js';
import type { AlertRecord } from '../domain/alert.js';
import type { Dataset } from '../domain/dataset.js';
import type { History, Predictor } from '../domain/features.js';
import type { Log, NewRecord } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { topics } from '../domain/topics.js';
import { MemoryLog } from '../infra/memory/log.js';
import { makeStepCalendar } from '../stream/step-calendar.js';
import { alertsUnder, readForecasts, sweptRules } from './alert-sweep.js';
import type { Deployment } from './config.js';
import { isWithin, judgeableDataset, judgeableLog, stepsOf, watchedWithin } from './fates.js';
import { type ForecastsPartition, inPeriod, type Period } from './forecaster-records.js';
import { feedDataset, readHistories } from './history.js';
import { judgeForecasters } from './judge-forecasters.js';
import { type Refused, readRefused } from './refused.js';
import { alertStage, forecastStage, stepStage } from './stages.js';

/** What is judged: files that tell the fate of their machines, or the inputs that a plant's log has kept. */
export type BacktestSource =
  | { readonly kind: 'dataset'; readonly dataset: Dataset }
  | { readonly kind: 'log'; readonly log: Log };

export interface BacktestRequest {
  readonly deployment: Deployment;
  /** One machine type is judged at a time: its horizon and steps are the report's. */
  readonly type: MachineType;
  readonly predictor: Predictor;
  readonly source: BacktestSource;
  /** What the baselines are fitted on; must not hold what is judged. */
  readonly training: readonly History[];
  readonly selection: Selection;
  readonly bounds: AlertBounds;
  readonly costs: Costs;
  /** Only these origins are judged, as if alerts had begun with the first of them; default: all. */
  readonly period?: Period;
  /** Rules of which each forecaster's own is the cheapest; default: the swept thresholds. */
  readonly candidates?: readonly CandidateRule[];
  /** Own rules found elsewhere: of the pipeline, then of the baselines as the report names them. */
  readonly ownRules?: readonly CandidateRule[];
  readonly signal?: AbortSignal;
  onProgress?(progress: ReplayProgress): void;
  /** What of the source the pipeline would not take; only when there is any. */
  onRefused?(refused: readonly Refused[]): void;
}

export interface BacktestOutcome {
  readonly report: BacktestReport;
  readonly tradeOff: AlertTradeOff;
  /** In the order of the report's forecasters. */
  readonly alerting: readonly ForecasterAlerts[];
  readonly stories: readonly AlertStory[];
  readonly observations: readonly Observation[];
  readonly replayed: ReplayResult;
}

/** Puts the source through the stages, and judges what comes out. */
export async function runBacktest(request: BacktestRequest): Promise<BacktestOutcome> {
  const { deployment, type, predictor, source, training, signal, onProgress } = request;
  const log = new MemoryLog();
  const everything = await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [
      stepStage(deployment),
      forecastStage(deployment, new Map([[type.name, predictor]])),
      alertStage(deployment),
    ],
    feed: feedSource(deployment, source, signal),
    inputs: 'forgotten',
    ...(onProgress ? { onProgress } : {}),
    ...(signal ? { signal } : {}),
  });
  const histories = (await readHistories(deployment, log)).get(type.name) ?? [];
  const refused = await readRefused(log);
  if (refused.length > 0) request.onRefused?.(refused);
  const topic = await readForecasts(log);
  await log.close();
  return judgeBacktest({
    ...request,
    name: predictor.version,
    baselines: fitBaselines(training, predictor.spec),
    everything,
    topic,
    histories,
  });
}

export function feedSource(
  deployment: Deployment,
  source: BacktestSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly NewRecord[]> {
  return source.kind === 'dataset' ? feedDataset(deployment, source.dataset, signal) : feedLog(source.log);
}

/** What stages have made of a source, and what it is judged by. */
export interface Judging
  extends Pick<
    BacktestRequest,
    | 'deployment'
    | 'type'
    | 'source'
    | 'selection'
    | 'bounds'
    | 'costs'
    | 'period'
    | 'candidates'
    | 'ownRules'
    | 'signal'
  > {
  /** Of who made the forecasts. */
  readonly name: string;
  readonly baselines: Baselines;
  readonly everything: ReplayResult;
  /** The topic `forecasts` that it has. */
  readonly topic: readonly ForecastsPartition[];
  /** Of the type, where the baselines find the rows of judged origins. */
  readonly histories: readonly History[];
  /** Only these machines are judged; default: all of the source. */
  isJudged?(machine: string): boolean;
}

export async function judgeBacktest(request: Judging): Promise<BacktestOutcome> {
  const { deployment, type, name, baselines } = request;
  const { report, forecasts, replayed, result, observations, findings, inForce, find, dayMs } =
    await judgeReport(request);
  const withinDays = Math.min(30, type.horizonSteps);
  const watchedUntilMs = new Map(observations.map((each) => [each.machine, each.watchedUntilMs]));
  const { swept, alerting } = await judgeForecasters({
    deployment,
    type,
    name,
    forecasts,
    observations,
    findings,
    inForce,
    baselines: [baselines.reference, ...baselines.others],
    find,
    sweep: sweptRules(withinDays),
    bounds: request.bounds,
    costs: request.costs,
    dayMs,
    ...(request.candidates ? { candidates: request.candidates } : {}),
    ...(request.ownRules ? { ownRules: request.ownRules } : {}),
    ...(request.signal ? { signal: request.signal } : {}),
  });
  return {
    report,
    tradeOff: weighAlerts(inForce, swept, request.costs, withinDays),
    alerting,
    stories: alertStories(
      inForce,
      result.forecasts,
      // What came in the silence after a record's end explains nothing.
      result.alerts.filter(({ machine, timeMs }) => timeMs <= (watchedUntilMs.get(machine) ?? -Infinity)),
      { withinDays, dayMs },
    ),
    observations,
    replayed,
  };
}

/** The report alone, and what it was made from: alerts are judged by the rules in force. */
export async function judgeReport(request: Judging) {
  const { deployment, type, source, period, topic, everything, baselines } = request;
  const forecasts = period ? inPeriod(topic, period) : topic;
  const types = [...deployment.types.values()];
  const replayed: ReplayResult = period
    ? {
        ...everything,
        forecasts: everything.forecasts.filter(({ originMs }) => isWithin(originMs, period)),
        alerts: alertsUnder(deployment.config.alerts, types, forecasts),
      }
    : everything;

  const calendar = makeStepCalendar(type.step);
  const steps = stepsOf(calendar);
  const isJudged = ({ machine }: { readonly machine: string }): boolean =>
    deployment.directory.find(machine)?.type === type.name && (request.isJudged?.(machine) ?? true);
  const { result, observations: fates } =
    source.kind === 'dataset'
      ? judgeableDataset(replayed, source.dataset.machines.filter(isJudged), calendar)
      : judgeableLog(replayed, isJudged);
  const observations = withRepairs(fates, everything.events, type.horizonSteps * steps.nominalMs).flatMap(
    (each) => (period ? watchedWithin(each, period) : [each]),
  );
  const recorded = source.kind === 'log' ? await readAlerts(source.log) : [];
  const findings = findingsIn(everything.events, [
    ...alertEpisodes(recorded),
    ...alertEpisodes(everything.alerts),
  ]);
  const find = indexHistories(request.histories);
  const inForce = scoreAlerts(result.alerts, observations, request.bounds, steps.nominalMs, findings);
  // Of a machine that failed just before the period begins, the forecast of its last step may lie in it.
  const watched = new Set(observations.map(({ machine }) => machine));
  const report = judgeReplay({
    name: request.name,
    forecasts: result.forecasts.filter(({ machine }) => watched.has(machine)),
    observations,
    baselines,
    find,
    horizonDays: type.horizonSteps,
    selection: request.selection,
    steps,
    alerts: inForce,
  });
  const dayMs = steps.nominalMs;
  return { report, forecasts, replayed, result, observations, findings, inForce, find, dayMs };
}

/** What people were told of, which may not be what these rules and this network make of the same history. */
export async function readAlerts(log: Log): Promise<AlertRecord[]> {
  const alerts: AlertRecord[] = [];
  for await (const alert of readTopic(log, topics.alerts)) alerts.push(alert);
  return alerts;
}
