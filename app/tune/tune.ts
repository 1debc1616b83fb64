/**
 * Searches training settings. Every trial trains with the same seeds on the same machines and is judged on the same others. A trial that is worse than
 * the median of the finished ones was at the same step of the same seed is broken off (Golovin et al. 2017).
 */
import type { FeatureSpec, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import type { TrainingConfig } from '../../model/config.js';
import { keepForValidation } from '../../model/split.js';
import { deviation } from '../trials/folds.js';
import { openJournal } from '../trials/journal.js';
import { sideBySide } from '../trials/side-by-side.js';
import { runTrial } from '../trials/trial.js';
import { type MethodName, makeMethod } from './methods.js';
import { MedianRule, type SeedCurve } from './pruning.js';
import { checkSpace, type SearchSpace, type Settings, withSettings } from './space.js';

export interface Search {
  readonly spec: FeatureSpec;
  readonly histories: readonly History[];
  /** Where the search starts: trial 0. */
  readonly base: TrainingConfig;
  readonly space: SearchSpace;
  readonly method: MethodName;
  /** Besides trial 0. */
  readonly trialsMax: number;
  /** Trainings per trial. */
  readonly seedCount: number;
  /** Share of the machines (or of the time, with `validation: later-time`) that judges. */
  readonly judgedShare: number;
  readonly prune: boolean;
  readonly parallel: number;
  readonly seed: number;
  readonly journal?: string;
  readonly signal: AbortSignal;
  onProgress?(progress: SearchProgress): void;
}

export interface SearchProgress {
  readonly doneCount: number;
  readonly totalCount: number;
  readonly bestMeanBrier: number | null;
  readonly prunedCount: number;
  readonly number: number;
}

/** Plain JSON. */
export interface SearchTrial {
  readonly number: number;
  readonly settings: Settings;
  readonly state: 'complete' | 'pruned';
  /** Mean over the seeds, on the judging machines; null of trials that were broken off. */
  readonly meanBrier: number | null;
  /** Standard deviation over the seeds; null for one. */
  readonly seedSd: number | null;
  /** Mean wall time of a training; of a trial that was broken off, up to there. */
  readonly trainedMs: number;
  readonly parameterCount: number | null;
  readonly curves: readonly SeedCurve[];
}

export interface SearchResult {
  readonly judgedMachineCount: number;
  /** In their order. */
  readonly trials: readonly SearchTrial[];
}

export async function searchSettings(request: Search): Promise<SearchResult> {
  const { spec, histories, base, space, seedCount, signal } = request;
  checkSpace(base, space);
  const kept = keepForValidation(
    histories,
    { validation: base.validation, validationShare: request.judgedShare },
    new Rng(request.seed),
  );
  const method = makeMethod(request.method, space, request.trialsMax, request.seed);
  const journal = await openJournal<SearchTrial>(request.journal, {
    ...{ spec, base, space, seedCount, method: request.method, seed: request.seed },
    training: kept.training.map(({ machine, stepCount }) => [machine, stepCount]),
    judged: kept.validation.map(({ machine, stepCount }) => [machine, stepCount]),
  });
  const finished = new Map(journal.entries.map((trial) => [trial.number, trial]));
  const running = new Map<number, Settings>();
  const rule = new MedianRule();
  for (const trial of finished.values()) if (trial.state === 'complete') rule.learn(trial.curves);

  const numbers = Array.from({ length: method.trialCount + 1 }, (_, number) => number);
  const progress = (number: number) => {
    const scores = [...finished.values()].flatMap(({ meanBrier }) => meanBrier ?? []);
    request.onProgress?.({
      doneCount: finished.size,
      totalCount: numbers.length,
      bestMeanBrier: scores.length === 0 ? null : Math.min(...scores),
      prunedCount: [...finished.values()].filter(({ state }) => state === 'pruned').length,
      number,
    });
  };
  await sideBySide(numbers, request.parallel, signal, async (number, either) => {
    if (finished.has(number)) return;
    const observed = [
      ...[...finished.values()].map(({ settings, meanBrier }) => ({
        settings: { ...pick(base, space), ...settings },
        loss: meanBrier ?? undefined,
      })),
      ...[...running.values()].map((settings) => ({
        settings: { ...pick(base, space), ...settings },
        loss: undefined,
      })),
    ];
    const settings = number === 0 ? {} : method.next(number, observed);
    running.set(number, settings);
    const trial = await runSettings(number, settings, either);
    running.delete(number);
    finished.set(number, trial);
    if (trial.state === 'complete') rule.learn(trial.curves);
    await journal.add(trial);
    progress(number);
  });
  return {
    judgedMachineCount: new Set(kept.validation.map(({ machine }) => machine)).size,
    trials: numbers.map((number) => finished.get(number) as SearchTrial),
  };

  async function runSettings(number: number, settings: Settings, either: AbortSignal): Promise<SearchTrial> {
    const config = withSettings(base, settings);
    const curves: { seed: number; points: [number, number][] }[] = [];
    const scores: (number | null)[] = [];
    let spentMs = 0;
    let parameterCount: number | null = null;
    const trial = (state: SearchTrial['state']): SearchTrial => ({
      number,
      settings,
      state,
      meanBrier: state === 'pruned' ? null : mean(scores),
      seedSd: deviation(scores),
      trainedMs: spentMs / Math.max(1, curves.length),
      parameterCount,
      curves,
    });
    // Settings that change what is validated cannot be compared on the way.
    const comparable = !('validationShare' in settings) && !('validation' in settings);
    for (let index = 0; index < seedCount; index++) {
      const points: [number, number][] = [];
      const curve = { seed: request.seed + index, points };
      curves.push(curve);
      const pruned = new AbortController();
      let ranMs = 0;
      try {
        const result = await runTrial({
          spec,
          training: kept.training,
          judged: kept.origins,
          config,
          seed: curve.seed,
          signal: AbortSignal.any([either, pruned.signal]),
          onProgress: ({ step, bestLoss, elapsedMs }) => {
            points.push([step, bestLoss]);
            ranMs = elapsedMs;
            progress(number);
            if (request.prune && comparable && number > 0 && rule.isPoor(curve.seed, step, bestLoss))
              pruned.abort(new Error('pruned'));
          },
        });
        spentMs += result.trainedMs;
        parameterCount = result.parameterCount;
        scores.push(result.meanBrier);
      } catch (error) {
        if (!pruned.signal.aborted || either.aborted) throw error;
        spentMs += ranMs;
        return trial('pruned');
      }
    }
    return trial('complete');
  }
}

/** The base's own values of what is searched. */
function pick(base: TrainingConfig, space: SearchSpace): Settings {
  return Object.fromEntries(
    Object.keys(space).map((field) => [field, base[field as keyof TrainingConfig] as Settings[string]]),
  );
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
