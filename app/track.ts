/** The forecasts that a plant has issued, held against what happened since: the work behind `millwright track`. */
import { alertEpisodes } from '../backtest/alert-episodes.js';
import { type AlertBounds, alertsWithin, scoreAlerts } from '../backtest/alert-score.js';
import { indexHistories } from '../backtest/baselines/baseline.js';
import { fitBaselines } from '../backtest/baselines/fit-baselines.js';
import type { BacktestResult } from '../backtest/compare-results.js';
import { type ChartPoint, controlChart } from '../backtest/control-chart.js';
import { findingsIn } from '../backtest/feedback.js';
import { type JudgedBy, judgeOrigins, judgeReplay } from '../backtest/judge-replay.js';
import { machineErrors } from '../backtest/metrics/bootstrap.js';
import { withRepairs } from '../backtest/observe-replay.js';
import type { Promised } from '../backtest/promise.js';
import { readTopic } from '../backtest/read-topic.js';
import { readFates } from '../backtest/replay.js';
import type { BacktestReport } from '../backtest/report.js';
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import { curveOf, type ForecastRecord } from '../domain/forecast.js';
import type { Log } from '../domain/log.js';
import { type MachineType, timeZoneOf } from '../domain/machine-type.js';
import { topics } from '../domain/topics.js';
import { featureSpec } from '../stream/features.js';
import { makeStepCalendar } from '../stream/step-calendar.js';
import { readAlerts } from './backtest.js';
import { calendarPeriods, type PeriodLength } from './calendar-periods.js';
import type { Deployment } from './config.js';
import { isWithin, judgeableLog, stepsOf, watchedWithin } from './fates.js';
import type { Period } from './forecaster-records.js';
import { readHistories } from './history.js';
import { findLeakage, type Leakage } from './leakage.js';
import { readPromise } from './promises.js';

export interface TrackRequest {
  readonly deployment: Deployment;
  /** One machine type at a time: its horizon and steps are the report's. */
  readonly type: MachineType;
  readonly log: Log;
  /** Only forecasts of these origins. */
  readonly period: Period;
  readonly by: PeriodLength;
  /** What the baselines are fitted on; default: what the plant itself had seen before the first forecast that is judged. */
  readonly training?: readonly History[];
  readonly bounds: AlertBounds;
  /** What its network (the first forecaster) is held to instead of its validation. */
  readonly backtest?: BacktestResult;
}

/** How the forecasts of some time did; the alerts are those that fired in it, the failures those that came in it. */
export interface TrackedSpan {
  readonly name: string;
  /** Of the forecasts judged. */
  readonly firstOriginMs: number;
  readonly lastOriginMs: number;
  readonly report: BacktestReport;
}

export interface TrackReport {
  readonly type: string;
  /** What happened is known up to then. */
  readonly knownUntilMs: number;
  /** Older forecasts have left the log (`log.retentionMs`). */
  readonly olderExpired: boolean;
  /** Forecasts that no network for failures has made: not judged. */
  readonly withoutNetworkCount: number;
  /** What the baselines were fitted on: data that was named, or the plant's own record; its days, and those with a failure to come. */
  readonly fittedOn: {
    readonly source: 'data' | 'own-record';
    readonly originCount: number;
    readonly failedCount: number;
  };
  readonly whole: TrackedSpan;
  readonly periods: readonly TrackedSpan[];
  /** In the order of their first forecasts. */
  readonly versions: readonly TrackedVersion[];
  /** A point per period: whether its forecasts are as good as was promised. */
  readonly chart: readonly ChartPoint[];
}

/** The forecasts of one network; the alerts are those from its first forecast until that of the next. */
export interface TrackedVersion extends TrackedSpan {
  readonly promised: Promised | null;
  /** Machines that it has learned from, or was stopped by, on days that it has forecast here; null: not known. */
  readonly leakage: Leakage | null;
  /** Why nothing more is known of it; null: it is. */
  readonly fault: string | null;
}

/**
 * Joins the topic `forecasts` with the fate that the topic `steps` tells of each machine, by the rules of a backtest of the
 * log (judgeableLog): days that have not passed yet are censored. Throws UserError where there is nothing to judge.
 */
export async function trackForecasts(request: TrackRequest): Promise<TrackReport> {
  const { deployment, type, log, period, by, bounds } = request;
  const ofType = ({ machine }: { readonly machine: string }): boolean =>
    deployment.directory.find(machine)?.type === type.name;
  // Steps last: a plant that runs has then told of the days of every forecast that was read.
  const issued = await readIssued(log, type, period);
  const alerts = await readAlerts(log);
  const judgedHistories = (await readHistories(deployment, log)).get(type.name) ?? [];
  const fates = await readFates(log);
  const judgeable = judgeableLog({ ...fates, forecasts: issued.forecasts, alerts }, ofType);
  const { result } = judgeable;
  const { forecasts } = result;
  if (forecasts.length === 0) throw new UserError(describeNothing(type, issued));

  const originsMs = spanOf(forecasts);
  const training =
    request.training ?? (await readHistories(deployment, log, originsMs.fromMs)).get(type.name) ?? [];
  const baselines = fitBaselines(training, featureSpec(type));
  const find = indexHistories(judgedHistories);
  const steps = stepsOf(makeStepCalendar(type.step));
  const horizonMs = type.horizonSteps * steps.nominalMs;
  const observations = withRepairs(judgeable.observations, fates.events, horizonMs);
  const findings = findingsIn(fates.events, alertEpisodes(alerts));
  const score = scoreAlerts(result.alerts, observations, bounds, steps.nominalMs, findings);
  const judgedBy = (judged: readonly ForecastRecord[], within: Period): JudgedBy => ({
    forecasts: judged,
    observations: observations.flatMap((each) => watchedWithin(each, within)),
    baselines,
    find,
    horizonDays: type.horizonSteps,
    selection: 'all',
    steps,
  });
  const judge = (name: string, judged: readonly ForecastRecord[], within: Period): TrackedSpan => ({
    name,
    firstOriginMs: spanOf(judged).fromMs,
    lastOriginMs: spanOf(judged).toMs,
    report: judgeReplay({
      ...judgedBy(judged, within),
      name,
      alerts: alertsWithin(score, observations, within),
    }),
  });
  const ofVersions = byVersion(forecasts);
  const versions = await Promise.all(
    ofVersions.map(async ([version, judged], index): Promise<TrackedVersion> => {
      const { fromMs, toMs } = spanOf(judged);
      const next = ofVersions[index + 1];
      const untilNextMs = next ? spanOf(next[1]).fromMs - 1 : period.toMs;
      const { promised, seen, fault } = await readPromise(
        deployment.config.model.dir,
        type.name,
        version,
        request.backtest,
      );
      return {
        ...judge(version, judged, { fromMs, toMs: Math.max(toMs, untilNextMs) }),
        promised,
        leakage: findLeakage(seen, judged) ?? null,
        fault,
      };
    }),
  );
  const periods = calendarPeriods(originsMs, by, timeZoneOf(type))
    .map((each) => ({ each, judged: forecasts.filter(({ originMs }) => isWithin(originMs, each)) }))
    .filter(({ judged }) => judged.length > 0);
  const heldRows = versions.flatMap(({ promised }, index) => {
    const [, judged] = ofVersions[index] as (typeof ofVersions)[number];
    return promised ? [{ promised, rows: judgeOrigins(judgedBy(judged, period)).rows }] : [];
  });
  return {
    type: type.name,
    knownUntilMs: Math.max(...observations.map(({ recordEndMs }) => recordEndMs)),
    olderExpired:
      period.fromMs < originsMs.fromMs &&
      (await log.status(topics.forecasts)).some(({ beginOffset }) => beginOffset > 0),
    withoutNetworkCount: issued.withoutNetworkCount,
    fittedOn: {
      source: request.training ? 'data' : 'own-record',
      originCount: training.reduce((sum, { stepCount }) => sum + stepCount, 0),
      failedCount: training.reduce(
        (sum, { eventDay }) => sum + eventDay.reduce((failed, day) => failed + (day > 0 ? 1 : 0), 0),
        0,
      ),
    },
    whole: judge(
      versions.length === 1 ? (versions[0]?.name as string) : `${versions.length} networks`,
      forecasts,
      period,
    ),
    periods: periods.map(({ each, judged }) => judge(each.name, judged, each)),
    versions,
    chart: controlChart(
      periods.map(({ each }) => ({
        name: each.name,
        versions: heldRows.map(({ promised, rows }) => ({
          promised,
          errors: machineErrors(
            rows.filter(({ originMs }) => isWithin(originMs, each)),
            type.horizonSteps,
          ),
        })),
      })),
    ),
  };
}

interface Issued {
  readonly forecasts: readonly ForecastRecord[];
  /** Of the type, in the period, by no network for failures. */
  readonly withoutNetworkCount: number;
}

/** Final forecasts of one type, without what is not judged of them. */
async function readIssued(log: Log, type: MachineType, period: Period): Promise<Issued> {
  const forecasts: ForecastRecord[] = [];
  let withoutNetworkCount = 0;
  for await (const record of readTopic(log, topics.forecasts)) {
    if (record.kind !== 'forecast' || record.type !== type.name || record.status === 'provisional') continue;
    if (!isWithin(record.originMs, period)) continue;
    if (record.model === '' || curveOf(record) !== 'failure') withoutNetworkCount++;
    else {
      const { measured: _, values: __, ...kept } = record;
      forecasts.push(kept);
    }
  }
  return { forecasts, withoutNetworkCount };
}

function describeNothing(type: MachineType, { forecasts, withoutNetworkCount }: Issued): string {
  if (forecasts.length > 0)
    return `nothing is known of the ${forecasts.length} forecasts of ${type.name} in the log: their machines are not in the topic steps, or fell silent before`;
  return withoutNetworkCount > 0
    ? `no forecast of ${type.name} in this time was made by a network for failures: train one (\`millwright train\`)`
    : `the log holds no forecast of ${type.name} in this time: choose other days (--from, --to), or see with \`millwright doctor\` whether the plant runs`;
}

/** In the order of their first forecasts. */
function byVersion(forecasts: readonly ForecastRecord[]): [version: string, ForecastRecord[]][] {
  const versions = new Map<string, ForecastRecord[]>();
  for (const forecast of forecasts) {
    const own = versions.get(forecast.model);
    if (own) own.push(forecast);
    else versions.set(forecast.model, [forecast]);
  }
  return [...versions].sort(([, a], [, b]) => spanOf(a).fromMs - spanOf(b).fromMs);
}

function spanOf(forecasts: readonly ForecastRecord[]): Period {
  let [fromMs, toMs] = [Infinity, -Infinity];
  for (const { originMs } of forecasts) {
    fromMs = Math.min(fromMs, originMs);
    toMs = Math.max(toMs, originMs);
  }
  return { fromMs, toMs };
}
