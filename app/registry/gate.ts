/**
 * Whether a challenger may take the place of the network in use: both on the windows that both have scored live, held against what came of
 * them, and on what the rules in force would have made of their curves.
 */
import { type Costs, policyOf } from '../../backtest/alert-cost.js';
import { alertEpisodes } from '../../backtest/alert-episodes.js';
import { type AlertBounds, scoreAlerts } from '../../backtest/alert-score.js';
import { indexHistories } from '../../backtest/baselines/baseline.js';
import { type Finding, findingsIn } from '../../backtest/feedback.js';
import {
  drawMachines,
  type Interval,
  intervalOf,
  machineErrors,
  meanBrierDifference,
  meanBrierOf,
} from '../../backtest/metrics/bootstrap.js';
import type { Observation } from '../../backtest/observation.js';
import { withRepairs } from '../../backtest/observe-replay.js';
import { readTopic } from '../../backtest/read-topic.js';
import { readFates } from '../../backtest/replay.js';
import { judgeForecasts } from '../../backtest/rows.js';
import { bootstrapSeed } from '../../backtest/score-draws.js';
import type { AlertRecord } from '../../domain/alert.js';
import { UserError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { Log } from '../../domain/log.js';
import type { MachineType } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import { topics } from '../../domain/topics.js';
import type { SeenData } from '../../model/artifact.js';
import { makeStepCalendar } from '../../stream/step-calendar.js';
import { alertsUnder, readForecasts } from '../alert-sweep.js';
import { readAlerts } from '../backtest.js';
import type { Deployment } from '../config.js';
import { judgeableLog, stepsOf, watchedWithin } from '../fates.js';
import { type ForecastsPartition, inPeriod, withForecasts } from '../forecaster-records.js';
import { readHistories } from '../history.js';

export interface GateRequest {
  readonly deployment: Deployment;
  readonly type: MachineType;
  readonly log: Log;
  readonly champion: Contender;
  readonly shadow: Contender;
  readonly bounds: AlertBounds;
  readonly costs: Costs;
}

export interface Contender {
  readonly version: string;
  /** undefined: it does not tell; then all that it has forecast live counts as new to it. */
  readonly seen: SeenData | undefined;
}

/**
 * `better`: its mean Brier score is lower beyond doubt, and its alerts do not cost more beyond doubt. `worse`: the score is higher, or the
 * alerts cost more, beyond doubt. `level`: neither. `too-little`: too few machines or failures to tell. `broken`: it gave no curve where
 * the network in use gave one.
 */
export type GateDecision = 'better' | 'level' | 'worse' | 'too-little' | 'broken';

export interface GateReport {
  readonly type: string;
  readonly champion: string;
  readonly shadow: string;
  readonly decision: GateDecision;
  /** Of the forecasts that both have made, and that are new to both. */
  readonly firstOriginMs: number;
  readonly lastOriginMs: number;
  readonly forecastCount: number;
  readonly machineCount: number;
  readonly failureCount: number;
  /** Forecasts of the network in use to which the challenger has none, for a fault of its own. */
  readonly withoutCurveCount: number;
  /** Mean Brier scores over the horizon; the difference is the challenger's less the other's, 95 % by drawing machines for both. */
  readonly championMeanBrier: number | null;
  readonly shadowMeanBrier: number | null;
  readonly difference: Interval | null;
  /** What alerts and failures cost, in the unit of the costs. */
  readonly championCost: number;
  readonly shadowCost: number;
  readonly costDifference: Interval | null;
}

/** Below these nothing is decided. */
export const leastMachines = 5;
export const leastFailures = 3;

/** Throws UserError where nothing can be compared yet. */
export async function judgeShadow(request: GateRequest): Promise<GateReport> {
  const { deployment, type, log, champion, shadow, bounds, costs } = request;
  const challenges = await readShadow(log, type, shadow.version);
  const partitions = await readForecasts(log);
  const { pairs, withoutCurveCount } = pairUp(partitions, challenges, request);
  const [first] = pairs;
  if (!first)
    throw new UserError(
      `${champion.version} and ${shadow.version} have not forecast windows of ${type.name} yet that are new to both: wait until steps have closed since \`millwright model shadow\``,
    );
  const originsMs = pairs.map(({ ours }) => ours.originMs);
  // Both are at work until now.
  const period = { fromMs: min(originsMs), toMs: Number.POSITIVE_INFINITY };

  const fates = await readFates(log);
  const alerts = await readAlerts(log);
  const forecasts = pairs.map(({ ours }) => ours);
  const judgeable = judgeableLog({ ...fates, forecasts, alerts }, ({ machine }) =>
    isOf(type, deployment, machine),
  );
  const steps = stepsOf(makeStepCalendar(type.step));
  const dayMs = steps.nominalMs;
  const observations = withRepairs(judgeable.observations, fates.events, type.horizonSteps * dayMs);
  const watched = observations.flatMap((each) => watchedWithin(each, period));
  const isWatched = new Set(watched.map(({ machine }) => machine));
  const find = indexHistories((await readHistories(deployment, log)).get(type.name) ?? []);
  const judged = pairs.filter(
    ({ ours: { machine, originMs } }) => isWatched.has(machine) && find(machine, originMs) !== undefined,
  );
  const errorsOf = (of: (pair: Pair) => ForecastRecord) =>
    machineErrors(
      judgeForecasts(judged.map(of), watched, {
        selection: 'all',
        horizonDays: type.horizonSteps,
        steps,
        fallbackAt: () => [],
      }).rows,
      type.horizonSteps,
    );
  const theirs = errorsOf(({ ours }) => ours);
  const its = errorsOf(({ shadowed }) => shadowed);

  const findings = findingsIn(fates.events, alertEpisodes(alerts));
  const costsOf = (of: (pair: Pair) => ForecastRecord) => {
    const made = alertsUnder(
      deployment.config.alerts,
      [...deployment.types.values()],
      ofPairs(inPeriod(partitions, period), pairs, of),
    );
    return costsByMachine(made, watched, { bounds, costs, dayMs, findings });
  };
  const championCosts = costsOf(({ ours }) => ours);
  const shadowCosts = costsOf(({ shadowed }) => shadowed);
  const report = {
    type: type.name,
    champion: champion.version,
    shadow: shadow.version,
    firstOriginMs: period.fromMs,
    lastOriginMs: max(originsMs),
    forecastCount: judged.length,
    machineCount: Object.keys(theirs).length,
    failureCount: watched.reduce((count, each) => count + failuresIn(each), 0),
    withoutCurveCount,
    championMeanBrier: meanBrierOf(theirs),
    shadowMeanBrier: meanBrierOf(its),
    difference: meanBrierDifference(its, theirs, new Rng(bootstrapSeed)),
    championCost: sum(championCosts),
    shadowCost: sum(shadowCosts),
    costDifference: differenceOfSums(shadowCosts, championCosts),
  };
  return { ...report, decision: decide(report) };
}

/** Of one window. */
interface Pair {
  readonly ours: ForecastRecord;
  readonly shadowed: ForecastRecord;
}

const keyOf = ({ machine, originMs, revision }: ForecastRecord) => `${machine}|${originMs}|${revision}`;

async function readShadow(
  log: Log,
  type: MachineType,
  version: string,
): Promise<ReadonlyMap<string, ForecastRecord>> {
  const found = new Map<string, ForecastRecord>();
  for await (const record of readTopic(log, topics.shadows))
    if (record.type === type.name && record.model === version) found.set(keyOf(record), record);
  return found;
}

/** Windows that both gave a curve for, new to both. */
function pairUp(
  partitions: readonly ForecastsPartition[],
  challenges: ReadonlyMap<string, ForecastRecord>,
  { champion, shadow }: GateRequest,
): { readonly pairs: readonly Pair[]; readonly withoutCurveCount: number } {
  const pairs: Pair[] = [];
  let withoutCurveCount = 0;
  for (const partition of partitions)
    for (const { record } of partition) {
      if (record.kind !== 'forecast' || record.status !== 'ok' || record.model !== champion.version) continue;
      const shadowed = challenges.get(keyOf(record));
      if (!shadowed) continue;
      if (shadowed.status !== 'ok') withoutCurveCount++;
      else if (isNewTo(champion, record) && isNewTo(shadow, record)) pairs.push({ ours: record, shadowed });
    }
  return { pairs, withoutCurveCount };
}

function isNewTo({ seen }: Contender, { machine, originMs }: ForecastRecord): boolean {
  return !seen?.trainingMachines.includes(machine) || originMs > seen.trainedUntilMs;
}

function isOf(type: MachineType, { directory }: Deployment, machine: string): boolean {
  return directory.find(machine)?.type === type.name;
}

/** The topic `forecasts` as it would have been with nothing but one side of the pairs. */
function ofPairs(
  partitions: readonly ForecastsPartition[],
  pairs: readonly Pair[],
  of: (pair: Pair) => ForecastRecord,
): ForecastsPartition[] {
  const byKey = new Map(pairs.map((pair) => [keyOf(pair.ours), pair]));
  return withForecasts(partitions, (record) => {
    const pair = byKey.get(keyOf(record));
    if (!pair || record.status !== 'ok' || record.model !== pair.ours.model) return undefined;
    const { probabilities, expectedDay, model } = of(pair);
    return { ...record, probabilities, expectedDay, model };
  });
}

function failuresIn({ failuresMs, fromMs, watchedUntilMs }: Observation): number {
  return failuresMs.filter((failureMs) => failureMs >= fromMs && failureMs <= watchedUntilMs).length;
}

/** Of machines under observation, in their order. */
function costsByMachine(
  alerts: readonly AlertRecord[],
  observations: readonly Observation[],
  by: {
    readonly bounds: AlertBounds;
    readonly costs: Costs;
    readonly dayMs: number;
    readonly findings: readonly Finding[];
  },
): ReadonlyMap<string, number> {
  const ofMachine = new Map<string, AlertRecord[]>();
  for (const alert of alerts) {
    const own = ofMachine.get(alert.machine);
    if (own) own.push(alert);
    else ofMachine.set(alert.machine, [alert]);
  }
  return new Map(
    observations.map((observation) => {
      const own = ofMachine.get(observation.machine) ?? [];
      const score = scoreAlerts(own, [observation], by.bounds, by.dayMs, by.findings);
      return [observation.machine, policyOf(score, by.costs, null).cost];
    }),
  );
}

/** 95 % interval of the sum of `of` less that of `lessThatOf`, by drawing machines. */
function differenceOfSums(
  of: ReadonlyMap<string, number>,
  lessThatOf: ReadonlyMap<string, number>,
): Interval | null {
  const draws = drawMachines([...of.keys()], new Rng(bootstrapSeed), 1000);
  return intervalOf(
    draws.map((drawn) =>
      drawn.reduce((total, machine) => total + (of.get(machine) ?? 0) - (lessThatOf.get(machine) ?? 0), 0),
    ),
  );
}

function decide(report: Omit<GateReport, 'decision'>): GateDecision {
  const { withoutCurveCount, machineCount, failureCount, difference, costDifference } = report;
  if (withoutCurveCount > 0) return 'broken';
  if (machineCount < leastMachines || failureCount < leastFailures || !difference || !costDifference)
    return 'too-little';
  if (difference.low > 0 || costDifference.low > 0) return 'worse';
  return difference.high < 0 ? 'better' : 'level';
}

const sum = (costs: ReadonlyMap<string, number>) =>
  [...costs.values()].reduce((total, cost) => total + cost, 0);
const min = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), Infinity);
const max = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), -Infinity);
