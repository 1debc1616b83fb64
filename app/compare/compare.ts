/**
 * Cells × tasks on equal terms: the same histories, steps, batches and width, several seeds, judged on machines that no
 * network has seen. Early stopping is off: every network makes all the steps, and keeps its best parameters.
 */
import { fitMarginal } from '../../backtest/baselines/marginal.js';
import {
  type Interval,
  type MachineErrors,
  meanBrierDifference,
  meanBrierInterval,
  meanBrierOf,
  poolErrors,
} from '../../backtest/metrics/bootstrap.js';
import { quantile } from '../../backtest/metrics/quantile.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import type { CellName } from '../../model/cells/cell.js';
import type { TrainingConfig } from '../../model/config.js';
import { splitMachines } from '../../model/split.js';
import { refusalOf, type TaskName } from '../../model/tasks.js';
import type { TrainingProgress } from '../../model/trained-network.js';
import { originsOf } from '../../model/windows.js';
import { openJournal } from '../trials/journal.js';
import { judge } from '../trials/judge.js';
import { type Latencies, latenciesOf } from '../trials/latencies.js';
import { sideBySide } from '../trials/side-by-side.js';
import { runTrial, type TrialResult } from '../trials/trial.js';

export interface Comparison {
  readonly spec: FeatureSpec;
  readonly histories: readonly History[];
  readonly cells: readonly CellName[];
  readonly tasks: readonly TaskName[];
  readonly seedCount: number;
  /** Everything but cell, task and patience. */
  readonly config: TrainingConfig;
  /** Share of the machines that are judged by. */
  readonly judgedShare: number;
  /** Trainings at a time. */
  readonly parallel: number;
  /** File of finished trainings, to go on from. */
  readonly journal?: string;
  readonly signal: AbortSignal;
  onProgress?(progress: ComparisonProgress): void;
}

export interface ComparisonProgress {
  readonly doneCount: number;
  readonly totalCount: number;
  readonly name: string;
  readonly training: TrainingProgress;
}

export interface ComparedNetwork {
  readonly cell: CellName;
  readonly task: TaskName;
  /** Mean over the seeds. */
  readonly meanBrier: number;
  /** 95 %, by bootstrap over machines. */
  readonly interval: Interval | null;
  /** Standard deviation over the seeds; null for one. */
  readonly seedSd: number | null;
  /** Of the difference to the best network, machine by machine; null for the best itself. */
  readonly behindBest: Interval | null;
  readonly brierByDay: readonly (number | null)[];
  readonly concordance: number | null;
  readonly parameterCount: number;
  /** Medians over the seeds. Processor time is null for trainings side by side. */
  readonly trainedMs: number;
  readonly processorMs: number | null;
  readonly bestStep: number;
  readonly latency: Latencies;
  readonly seeds: readonly {
    readonly seed: number;
    readonly meanBrier: number | null;
    readonly trainedMs: number;
  }[];
}

export interface ComparisonResult {
  readonly protocol: string;
  readonly judgedMachineCount: number;
  readonly judgedRowCount: number;
  readonly marginal: { readonly meanBrier: number | null; readonly interval: Interval | null };
  /** Best first. */
  readonly networks: readonly ComparedNetwork[];
  /** Networks that cannot be had with this window and horizon. */
  readonly left: readonly string[];
}

interface Entry extends TrialResult {
  readonly cell: CellName;
  readonly task: TaskName;
}

/** Of which machines are judged and of the bootstrap: the same for every network. */
const fixedSeed = 1;

export async function compareNetworks(request: Comparison): Promise<ComparisonResult> {
  const { spec, histories, cells, tasks, seedCount, judgedShare, signal } = request;
  const config = { ...request.config, patience: Number.MAX_SAFE_INTEGER };
  const { training, validation: judged } = splitMachines(histories, judgedShare, new Rng(fixedSeed));
  const { cell: _cell, task: _task, ...same } = config;
  const machines = (list: readonly History[]) => list.map(({ machine }) => machine);
  const journal = await openJournal<Entry>(request.journal, {
    same,
    spec,
    training: machines(training),
    judged: machines(judged),
  });

  const refused = new Map(tasks.map((task) => [task, refusalOf(task, spec)]));
  const networks = cells.flatMap((cell) =>
    tasks.filter((task) => refused.get(task) === undefined).map((task) => ({ cell, task })),
  );
  // Seed by seed: broken off, there are as many of every network.
  const runs = Array.from({ length: seedCount }, (_, index) =>
    networks.map((network) => ({ ...network, seed: index + 1 })),
  ).flat();
  const isOf = (a: Entry | (typeof runs)[number], b: (typeof runs)[number]) =>
    a.cell === b.cell && a.task === b.task && a.seed === b.seed;
  let doneCount = 0;
  const entries = await sideBySide(runs, request.parallel, signal, async (run, either): Promise<Entry> => {
    const { cell, task, seed } = run;
    const known = journal.entries.find((entry) => isOf(entry, run));
    const entry = known ?? {
      cell,
      task,
      ...(await runTrial({
        spec,
        training,
        judged: originsOf(judged),
        config: { ...config, cell, task },
        seed,
        signal: either,
        onProgress: (progress) =>
          request.onProgress?.({
            doneCount,
            totalCount: runs.length,
            name: `${cell} ${task}, seed ${seed}`,
            training: progress,
          }),
      })),
    };
    if (known === undefined) await journal.add(entry);
    doneCount += 1;
    return entry;
  });

  const horizon = spec.horizonSteps;
  const curve = fitMarginal(training, horizon);
  const marginal = await judge(originsOf(judged), horizon, async (origins) =>
    origins.map(({ history, step }) => curve.predict(history, step)),
  );
  const latencies = await latenciesOf(
    spec,
    training,
    networks.map((network) => ({ ...config, ...network })),
    signal,
  );
  const summaries = networks.map((network, index) =>
    summarise(
      network,
      entries.filter((entry) => entry.cell === network.cell && entry.task === network.task),
      latencies[index] as Latencies,
      request.parallel,
    ),
  );
  summaries.sort((a, b) => a.network.meanBrier - b.network.meanBrier);
  const best = summaries[0]?.errors;
  return {
    protocol: `${training.length} histories to learn from, ${judged.length} of other machines to judge by, every origin with a known outcome; ${config.steps} steps of ${config.batchSize} windows each, ${config.hiddenSize} units, ${seedCount} seeds`,
    judgedMachineCount: new Set(machines(judged)).size,
    judgedRowCount: marginal.rowCount,
    marginal: {
      meanBrier: marginal.meanBrier,
      interval: meanBrierInterval(marginal.errors, new Rng(fixedSeed)),
    },
    networks: summaries.map(({ network, errors }) => ({
      ...network,
      behindBest:
        errors === best || best === undefined ? null : meanBrierDifference(errors, best, new Rng(fixedSeed)),
    })),
    left: [...refused.values()].filter((reason) => reason !== undefined),
  };
}

function summarise(
  { cell, task }: Pick<Entry, 'cell' | 'task'>,
  entries: readonly Entry[],
  latency: Latencies,
  parallel: number,
): { readonly network: ComparedNetwork; readonly errors: MachineErrors } {
  const errors = poolErrors(entries.map((entry) => entry.errors));
  const [first] = entries as [Entry];
  const meanBrier = meanBrierOf(errors) ?? Number.NaN;
  const deviations = entries.map((entry) => ((entry.meanBrier ?? Number.NaN) - meanBrier) ** 2);
  return {
    errors,
    network: {
      cell,
      task,
      meanBrier,
      interval: meanBrierInterval(errors, new Rng(fixedSeed)),
      seedSd: entries.length < 2 ? null : Math.sqrt(sum(deviations) / (entries.length - 1)),
      behindBest: null,
      brierByDay: first.brierByDay.map((_, k) => mean(entries.map((entry) => entry.brierByDay[k] ?? null))),
      concordance: mean(entries.map(({ concordance }) => concordance)),
      parameterCount: first.parameterCount,
      trainedMs: median(entries.map(({ trainedMs }) => trainedMs)),
      processorMs: parallel > 1 ? null : median(entries.map(({ processorMs }) => processorMs)),
      bestStep: median(entries.map(({ bestStep }) => bestStep)),
      latency,
      seeds: entries.map(({ seed, meanBrier: own, trainedMs }) => ({ seed, meanBrier: own, trainedMs })),
    },
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** null where one of them is. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : sum(known) / known.length;
}

function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}
