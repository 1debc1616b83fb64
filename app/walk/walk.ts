/**
 * A walk-forward backtest: as time goes on a network is trained anew on what is known by then, and forecasts until the next one is.
 * The forecasts of all of them are judged together, as those of a plant that had worked in this way.
 */
import { createHash } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bindRules, measuresOf } from '../../alerts/rule.js';
import { type Baselines, fitBaselines } from '../../backtest/baselines/fit-baselines.js';
import { type ReplayProgress, replay } from '../../backtest/replay.js';
import { UserError } from '../../domain/errors.js';
import type { Log } from '../../domain/log.js';
import { globPattern } from '../../domain/machine-directory.js';
import { MemoryLog } from '../../infra/memory/log.js';
import type { TrainingConfig } from '../../model/config.js';
import { featureSpec } from '../../stream/features.js';
import { type BacktestRequest, feedSource } from '../backtest.js';
import { readHistories } from '../history.js';
import { readRefused } from '../refused.js';
import { stepStage } from '../stages.js';
import { codeVersion } from '../training.js';
import type { FoldResult } from './fold.js';
import { type Fold, foldsOf, trainingOf } from './folds.js';
import { type JudgedWalk, judgeWalk } from './judge-walk.js';
import type { WalkProtocol } from './protocol.js';
import { driftedFeatures, mergeSteady } from './refit-on-drift.js';
import { type FoldsProgress, runFolds } from './run-folds.js';
import { hashSteps, writeSteps } from './steps-file.js';

export interface WalkRequest
  extends Pick<BacktestRequest, 'deployment' | 'type' | 'source' | 'bounds' | 'costs' | 'onRefused'> {
  readonly protocol: WalkProtocol;
  readonly config: TrainingConfig;
  /** What is finished is kept here, in a folder of its own for each history, protocol and settings. */
  readonly keepIn: string;
  /** Trainings at a time, each in a process of its own. */
  readonly parallel: number;
  readonly signal: AbortSignal;
  onRead?(progress: ReplayProgress): void;
  onFolds?(progress: FoldsProgress): void;
}

export interface WalkOutcome extends JudgedWalk {
  /** Folder of the networks and of what they forecast. */
  readonly keptIn: string;
}

/** Throws UserError where nothing can be learned, or nothing judged. */
export async function walkForward(request: WalkRequest): Promise<WalkOutcome> {
  const { deployment, type, source, bounds, costs, protocol, config, signal, onRead } = request;
  const log = new MemoryLog();
  const read = await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [stepStage(deployment)],
    feed: feedSource(deployment, source, signal),
    inputs: 'forgotten',
    signal,
    ...(onRead ? { onProgress: onRead } : {}),
  });
  const refused = await readRefused(log);
  if (refused.length > 0) request.onRefused?.(refused);
  const spans = read.spans.filter(({ machine }) => deployment.directory.find(machine)?.type === type.name);
  if (spans.length === 0) throw new UserError(`there is no history of machine type ${type.name} to judge`);
  const machines = spans.map(({ machine }) => machine);
  const trainMachines = choose(machines, protocol, 'trainMachines');
  const judgeMachines = new Set(choose(machines, protocol, 'judgeMachines'));
  const everyFold = foldsOf(protocol, type, {
    fromMs: Math.min(...spans.map(({ fromMs }) => fromMs)),
    untilMs: Math.max(...spans.map(({ untilMs }) => untilMs)),
  });
  const folds =
    protocol.refit === 'always'
      ? everyFold
      : await mergeSteady(everyFold, driftIn(request, log, new Set(trainMachines)));
  const baselines: Baselines[] = [];
  for (const fold of folds) baselines.push(await fitBaselinesOf(fold, request, log, new Set(trainMachines)));

  const keptIn = join(request.keepIn, await identityOf(request, log));
  const jobs = protocol.seeds.flatMap((seed) =>
    folds.map((fold) => ({ typeName: type.name, fold, seed, trainMachines, config })),
  );
  const results = await runJobs(request, keptIn, log, jobs);
  const histories = (await readHistories(deployment, log)).get(type.name) ?? [];
  await log.close();
  const walks = protocol.seeds.map((_, walk) =>
    folds.map((_, fold) => ({
      result: results[walk * folds.length + fold] as FoldResult,
      baselines: baselines[fold] as Baselines,
    })),
  );
  const judged = await judgeWalk(
    {
      ...{ deployment, type, source, bounds, costs, histories, signal },
      selection: 'all',
      isJudged: (machine) => judgeMachines.has(machine),
    },
    read,
    walks,
  );
  if (judged.backtest.report.rows.judgedCount === 0)
    throw new UserError(
      'no forecast can be judged: of no machine in `judgeMachines` is anything known after an origin between `from` and `to`',
    );
  return { ...judged, keptIn };
}

function choose(
  machines: readonly string[],
  protocol: WalkProtocol,
  key: 'trainMachines' | 'judgeMachines',
): string[] {
  const patterns = protocol[key].map(globPattern);
  const chosen = machines.filter((machine) => patterns.some((pattern) => pattern.test(machine)));
  if (chosen.length > 0) return chosen;
  throw new UserError(
    `${key}: no machine of the history fits ${protocol[key].join(', ')}; there are ${machines.slice(0, 3).join(', ')}${machines.length > 3 ? ` and ${machines.length - 3} others` : ''}`,
  );
}

/** Which features have drifted since the last look, held against what the network in force has learned from. */
function driftIn(
  { deployment, type, signal }: WalkRequest,
  log: Log,
  machines: ReadonlySet<string>,
): Parameters<typeof mergeSteady>[1] {
  const knownAtStartOf = async ({ fromMs }: Fold) =>
    (await readHistories(deployment, log, fromMs)).get(type.name) ?? [];
  return async (inForce, before, next) => {
    signal.throwIfAborted();
    const learnedFrom = trainingOf(inForce, await knownAtStartOf(inForce), machines);
    const span = { fromMs: before.fromMs, toMs: next.fromMs };
    return driftedFeatures(featureSpec(type), learnedFrom, await knownAtStartOf(next), span);
  };
}

async function fitBaselinesOf(
  fold: Fold,
  { deployment, type, signal }: WalkRequest,
  log: Log,
  machines: ReadonlySet<string>,
): Promise<Baselines> {
  signal.throwIfAborted();
  const known = (await readHistories(deployment, log, fold.fromMs)).get(type.name) ?? [];
  const training = trainingOf(fold, known, machines);
  if (!training.some(({ eventDay }) => eventDay.some((day) => day > 0))) {
    const iso = (timeMs: number) => new Date(timeMs).toISOString();
    throw new UserError(
      `fold ${fold.number} would learn from ${iso(fold.trainFromMs)} to ${iso(fold.trainUntilMs)}, where no failure is known: write a later \`from\`, more \`trainingSteps\`, or more machines`,
    );
  }
  return fitBaselines(training, featureSpec(type));
}

async function runJobs(
  { deployment, parallel, signal, onFolds }: WalkRequest,
  keepIn: string,
  log: Log,
  jobs: Parameters<typeof runFolds>[0]['jobs'],
): Promise<FoldResult[]> {
  await mkdir(keepIn, { recursive: true });
  const stepsFile = join(keepIn, 'steps.jsonl');
  try {
    return await runFolds({
      deploymentFile: deployment.file,
      jobs,
      keepIn,
      parallel,
      signal,
      writeSteps: async () => {
        await writeSteps(log, `${stepsFile}.part`);
        await rename(`${stepsFile}.part`, stepsFile);
        return stepsFile;
      },
      ...(onFolds ? { onProgress: onFolds } : {}),
    });
  } finally {
    await rm(stepsFile, { force: true });
  }
}

/** Of all that networks and their forecasts follow from but the seed: rules, costs and bounds may change, and nothing is trained anew. */
async function identityOf({ deployment, type, protocol, config }: WalkRequest, log: Log): Promise<string> {
  const { data: _, training: __, seeds: ___, ...spans } = protocol;
  const { plant, machines, log: logConfig, model, alerts } = deployment.config;
  const rules = bindRules(alerts, [...deployment.types.values()]).get(type.name) ?? [];
  const about = {
    code: codeVersion(),
    steps: await hashSteps(log),
    ...{ spans, config, type, plant, machines },
    measures: measuresOf(rules),
    partitions: logConfig.partitions,
    engine: model.engine,
  };
  return createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 16);
}
