/** The probes for leakage on a data set, a network and its baselines: the work behind `millwright backtest probe`. */
import { type Baseline, indexHistories, judgeBaseline } from '../backtest/baselines/baseline.js';
import { fitBaselines } from '../backtest/baselines/fit-baselines.js';
import { fitSmoothedLinear } from '../backtest/baselines/smoothed-linear.js';
import { type ProbedForecaster, probe, shiftLabels, shuffleFutures } from '../backtest/leakage-probes.js';
import { brierByDay, meanOverDays } from '../backtest/metrics/brier.js';
import { type ReplayResult, replay } from '../backtest/replay.js';
import type { NamedRows } from '../backtest/report.js';
import { judgeForecasts } from '../backtest/rows.js';
import { bootstrapSeed } from '../backtest/score-draws.js';
import type { Dataset, DatasetRecord } from '../domain/dataset.js';
import { UserError } from '../domain/errors.js';
import type { History, Predictor } from '../domain/features.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { MachineType } from '../domain/machine-type.js';
import { Rng } from '../domain/rng.js';
import { MemoryLog } from '../infra/memory/log.js';
import type { ReadArtifact } from '../model/artifact.js';
import { makeStepCalendar } from '../stream/step-calendar.js';
import type { Deployment } from './config.js';
import { observe, stepsOf, withinRecords } from './fates.js';
import { feedDataset, readHistories } from './history.js';
import { type NetworkStatistics, networkStatistics } from './network-statistics.js';
import { forecastStage, stepStage } from './stages.js';

export interface LookAhead {
  /** From here on every machine got the readings and events of another. */
  readonly exchangedFromMs: number;
  /** Forecasts of origins up to that time, and those of them that are not what they were: looked ahead. */
  readonly forecastCount: number;
  readonly changedCount: number;
  /** Later forecasts that are not what they were: none would mean that nothing was exchanged. */
  readonly laterChangedCount: number;
}

export interface WholeSetStatistics {
  /** Of the network. */
  readonly network: NetworkStatistics;
  /** Mean Brier scores of the smoothing baseline with statistics of its training machines, and with those of all that is judged, too. */
  readonly smoothing: { readonly before: number | null; readonly after: number | null } | null;
}

export interface LeakageProbes {
  readonly rowCount: number;
  readonly lookAhead: LookAhead;
  readonly shuffledFutures: readonly ProbedForecaster[];
  readonly shiftedLabels: { readonly days: number; readonly forecasters: readonly ProbedForecaster[] };
  readonly wholeSetStatistics: WholeSetStatistics;
  /** In sentences; empty when all is as it must be. */
  readonly warnings: readonly string[];
}

export async function runProbes(request: {
  readonly deployment: Deployment;
  readonly type: MachineType;
  readonly predictor: Predictor;
  readonly dataset: Dataset;
  readonly training: readonly History[];
  /** Of the network behind the predictor. */
  readonly artifact: Pick<ReadArtifact, 'preprocessing' | 'metrics'>;
  readonly signal?: AbortSignal;
}): Promise<LeakageProbes> {
  const { deployment, type, predictor, training } = request;
  const machines = request.dataset.machines.filter(
    ({ machine }) => deployment.directory.find(machine)?.type === type.name,
  );
  const dataset = { ...request.dataset, machines };
  const calendar = makeStepCalendar(type.step);
  const honest = await forecastsOf(request, dataset);
  const baselines = fitBaselines(training, predictor.spec);
  const selected = judgeForecasts(
    withinRecords(honest.forecasts, machines, calendar),
    machines.map((machine) => observe(machine, calendar)),
    {
      selection: 'all',
      horizonDays: type.horizonSteps,
      steps: stepsOf(calendar),
      fallbackAt: baselines.referenceAt,
    },
  );
  const find = indexHistories(honest.histories);
  const rows = selected.rows.filter(({ machine, originMs }) => find(machine, originMs) !== undefined);
  if (rows.length === 0)
    throw new UserError(`no forecast of ${dataset.name} can be judged: nothing to probe`);
  const forecasters: NamedRows[] = [
    { name: predictor.version, rows },
    ...baselines.others.map((baseline) => ({
      name: baseline.name,
      rows: judgeBaseline(baseline, find, rows),
    })),
  ];
  const reference = { name: baselines.reference.name, rows: judgeBaseline(baselines.reference, find, rows) };
  const days = type.horizonSteps;
  const result = {
    rowCount: rows.length,
    lookAhead: await lookAhead(request, dataset, honest.forecasts),
    shuffledFutures: probe(forecasters, reference, days, (own) =>
      shuffleFutures(own, new Rng(bootstrapSeed)),
    ),
    shiftedLabels: {
      days,
      forecasters: probe(forecasters, reference, days, (own) => shiftLabels(own, days)),
    },
    wholeSetStatistics: {
      network: networkStatistics(
        request.artifact.preprocessing,
        request.artifact.metrics.seen,
        training,
        honest.histories,
      ),
      smoothing: baselines.others.length === 0 ? null : smoothingWithAll(),
    },
  };
  return { ...result, warnings: warningsOf(result) };

  function smoothingWithAll() {
    const { spec } = predictor;
    const mean = (baseline: Baseline) =>
      meanOverDays(brierByDay(judgeBaseline(baseline, find, rows), days, 'administrative'));
    return {
      before: mean(fitSmoothedLinear(training, spec)),
      after: mean(fitSmoothedLinear(training, spec, [...training, ...honest.histories])),
    };
  }
}

async function forecastsOf(
  { deployment, type, predictor, signal }: Parameters<typeof runProbes>[0],
  dataset: Dataset,
): Promise<Pick<ReplayResult, 'forecasts'> & { readonly histories: readonly History[] }> {
  const log = new MemoryLog();
  const { forecasts } = await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [stepStage(deployment), forecastStage(deployment, new Map([[type.name, predictor]]))],
    feed: feedDataset(deployment, dataset, signal),
    inputs: 'forgotten',
    ...(signal ? { signal } : {}),
  });
  const histories = (await readHistories(deployment, log)).get(type.name) ?? [];
  await log.close();
  return { forecasts, histories };
}

/** Half way through the data set, machines exchange what comes: no forecast from before may know of it. */
async function lookAhead(
  request: Parameters<typeof runProbes>[0],
  dataset: Dataset,
  honest: readonly ForecastRecord[],
): Promise<LookAhead> {
  const calendar = makeStepCalendar(request.type.step);
  const middles = dataset.machines.map(({ firstMs, lastMs }) => (firstMs + lastMs) / 2).sort((a, b) => a - b);
  const exchangedFromMs = calendar.stepAt(middles[middles.length >> 1] as number).startMs;
  const { forecasts } = await forecastsOf(request, exchangeFuture(dataset, exchangedFromMs));
  const text = (forecast: ForecastRecord) => JSON.stringify({ ...forecast, stepOffset: 0 });
  const exchanged = new Set(forecasts.map(text));
  const changed = (some: readonly ForecastRecord[]) =>
    some.filter((forecast) => !exchanged.has(text(forecast))).length;
  const early = honest.filter(({ originMs, revision }) => originMs <= exchangedFromMs && revision === 0);
  return {
    exchangedFromMs,
    forecastCount: early.length,
    changedCount: changed(early),
    laterChangedCount: changed(honest.filter(({ originMs }) => originMs > exchangedFromMs)),
  };
}

/** From a time on every machine gives the records of the next one. */
function exchangeFuture(dataset: Dataset, fromMs: number): Dataset {
  const names = dataset.machines.map(({ machine }) => machine);
  const next = new Map(names.map((machine, index) => [machine, names[(index + 1) % names.length] as string]));
  return {
    ...dataset,
    async *records() {
      for await (const record of dataset.records())
        yield record.timeMs < fromMs
          ? record
          : ({ ...record, machine: next.get(record.machine) ?? record.machine } satisfies DatasetRecord);
    },
  };
}

function warningsOf({
  lookAhead: { forecastCount, changedCount, laterChangedCount },
  shuffledFutures,
  shiftedLabels,
  wholeSetStatistics,
}: Omit<LeakageProbes, 'warnings'>): string[] {
  const { smoothing } = wholeSetStatistics;
  const tooGood = (what: string, probed: readonly ProbedForecaster[]) =>
    probed.flatMap(({ name, verdict, skillBefore, skillAfter }) =>
      verdict === 'too-good'
        ? [
            `too good: ${name} keeps a skill of ${percent(skillAfter)} of ${percent(skillBefore)} ${what}; something tells it what it cannot know, or the outcomes are alike`,
          ]
        : [],
    );
  return [
    ...(changedCount > 0
      ? [`${changedCount} of ${forecastCount} forecasts changed with what came after them: they look ahead`]
      : []),
    ...(laterChangedCount === 0
      ? ['no forecast changed although machines exchanged their readings: forecasts do not read them']
      : []),
    ...tooGood('when outcomes are shuffled', shuffledFutures),
    ...tooGood(`when outcomes are those of ${shiftedLabels.days} days later`, shiftedLabels.forecasters),
    ...(wholeSetStatistics.network.verdict === 'whole-set'
      ? ['the network scales its inputs by statistics of what it is judged on, too']
      : []),
    ...(smoothing !== null && smoothing.before === smoothing.after
      ? ['the smoothing baseline scores the same with statistics of the whole set: they come from there']
      : []),
  ];
}

const percent = (value: number | null) => (value === null ? '–' : `${(100 * value).toFixed(0)} %`);
