/**
 * Whether a network that was just trained should be the one in use. On machines that it has not learned from, it must beat the marginal
 * hazard, which looks at no machine at all, and must not be worse than the network in use, beyond doubt. The latter is asked on
 * machines that the network in use has not learned from either; where there are too few, that is said and it is not asked.
 */
import { fitMarginal } from '../backtest/baselines/marginal.js';
import {
  type Interval,
  type MachineErrors,
  meanBrierDifference,
  meanBrierOf,
  poolErrors,
} from '../backtest/metrics/bootstrap.js';
import { UserError } from '../domain/errors.js';
import type { FeatureSpec, History, Predictor } from '../domain/features.js';
import { Rng } from '../domain/rng.js';
import type { OnnxEngine } from '../infra/onnx/engine.js';
import { type ReadArtifact, readArtifact, type SeenData, type WrittenArtifact } from '../model/artifact.js';
import { checkFits } from '../model/fit.js';
import { openPredictor } from '../model/predict.js';
import { thin } from '../model/validation.js';
import { type Origin, originsOf } from '../model/windows.js';
import { formatCounted, formatNumber } from './terminal/format.js';
import { codeVersion } from './training.js';
import { judge, judgePredictor } from './trials/judge.js';

export interface Adoption {
  readonly adopt: boolean;
  readonly decision:
    | 'no-network-before'
    | 'better-or-level'
    | 'not-comparable'
    | 'worse-than-marginal'
    | 'worse-than-current';
  /** Mean Brier score on the validation machines. */
  readonly meanBrier: number | null;
  readonly marginalMeanBrier: number | null;
  readonly machineCount: number;
  readonly current: ComparedCurrent | null;
  /** Why the network in use could not be compared with. */
  readonly reason: string | null;
}

/** The network in use beside the new one, on machines that neither has learned from. */
export interface ComparedCurrent {
  readonly version: string;
  readonly machineCount: number;
  readonly meanBrier: number | null;
  readonly newMeanBrier: number | null;
  /** 95 % interval of the new one's mean Brier score less the other's, by bootstrap over machines. */
  readonly difference: Interval | null;
}

/** Below this an interval over machines says nothing. */
const leastMachines = 5;
/** Rows judged for each network; evenly chosen where there are more. */
const rowsMax = 5000;

export interface AdoptionRequest {
  readonly engine: OnnxEngine;
  readonly spec: FeatureSpec;
  readonly histories: readonly History[];
  /** The new network; of an ensemble its members, each judged on what it has not seen itself. */
  readonly candidates: readonly WrittenArtifact[];
  /** Folder of the network in use, if there is one. */
  readonly currentDirectory: string | undefined;
  /** By this share the new one's mean Brier score may be above that of the network in use, and more only beyond doubt; default 0. */
  readonly lossMax?: number;
  readonly signal?: AbortSignal;
}

export async function decideAdoption(request: AdoptionRequest): Promise<Adoption> {
  const { engine, spec, histories, candidates, currentDirectory, lossMax = 0, signal } = request;
  const current = await openCurrent(engine, spec, currentDirectory);
  const own: MachineErrors[] = [];
  const marginal: MachineErrors[] = [];
  const pairs: { readonly ours: MachineErrors; readonly theirs: MachineErrors }[] = [];
  for (const { directory, metrics } of candidates) {
    const seen = metrics.seen as SeenData; // this code has just written it
    const predictor = await openPredictor(directory, engine, spec);
    const unseen = originsOf(histories).filter(isUnseenBy(seen));
    const judged = thin(unseen, rowsMax);
    const errorsOn = async (origins: readonly Origin[], by: Predictor) =>
      (await judgePredictor(by, origins, signal)).errors;
    own.push(await errorsOn(judged, predictor));
    const learnedFrom = histories.filter(({ machine }) => seen.trainingMachines.includes(machine));
    const curve = fitMarginal(learnedFrom, spec.horizonSteps).predict(histories[0] as History, 0);
    marginal.push(
      (await judge(judged, spec.horizonSteps, async (origins) => origins.map(() => curve))).errors,
    );
    if (current.predictor) {
      const both = thin(unseen.filter(isUnseenBy(current.seen)), rowsMax);
      pairs.push({
        ours: await errorsOn(both, predictor),
        theirs: await errorsOn(both, current.predictor),
      });
    }
    await predictor.close();
  }
  await current.predictor?.close();
  const errors = poolErrors(own);
  const meanBrier = meanBrierOf(errors);
  const marginalMeanBrier = meanBrierOf(poolErrors(marginal));
  const compared = current.predictor ? compare(current.version, pairs) : null;
  const enough = compared !== null && compared.machineCount >= leastMachines && compared.difference !== null;
  const result = (decision: Adoption['decision'], reason: string | null = null): Adoption => ({
    adopt: decision !== 'worse-than-marginal' && decision !== 'worse-than-current',
    decision,
    meanBrier,
    marginalMeanBrier,
    machineCount: Object.keys(errors).length,
    current: enough ? compared : null,
    reason,
  });
  if (meanBrier !== null && marginalMeanBrier !== null && meanBrier >= marginalMeanBrier)
    return result('worse-than-marginal', current.reason);
  if (currentDirectory === undefined) return result('no-network-before');
  if (!current.predictor) return result('not-comparable', current.reason);
  if (!enough)
    return result(
      'not-comparable',
      `${compared?.machineCount ?? 0} machines are new to both ${current.version} and this one, at least ${leastMachines} are needed`,
    );
  const allowed = lossMax * (compared?.meanBrier ?? 0);
  return result((compared?.difference?.low ?? 0) > allowed ? 'worse-than-current' : 'better-or-level');
}

/** Of machines that it has not learned from, or later than anything it has. */
export const isUnseenBy =
  ({ trainingMachines, trainedUntilMs }: SeenData) =>
  ({ history, step }: Origin): boolean =>
    !trainingMachines.includes(history.machine) || (history.originsMs[step] as number) > trainedUntilMs;

type Current =
  | {
      readonly predictor: Predictor;
      readonly seen: SeenData;
      readonly version: string;
      readonly reason: null;
    }
  | { readonly predictor?: never; readonly reason: string | null };

/** A network in use that cannot be used any more must not stand in the way of a new one. */
async function openCurrent(
  engine: OnnxEngine,
  spec: FeatureSpec,
  directory: string | undefined,
): Promise<Current> {
  if (directory === undefined) return { reason: null };
  let artifact: ReadArtifact;
  try {
    artifact = await readArtifact(directory, codeVersion());
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { reason: error.message };
  }
  const { version, metrics, preprocessing } = artifact;
  const misfit = checkFits(preprocessing.spec, spec, { have: version, want: 'the machine type' });
  if (misfit !== undefined) return { reason: misfit };
  if (metrics.seen === undefined)
    return { reason: `${version} does not tell which machines it was trained on` };
  return { predictor: await openPredictor(directory, engine), seen: metrics.seen, version, reason: null };
}

function compare(
  version: string,
  pairs: readonly { readonly ours: MachineErrors; readonly theirs: MachineErrors }[],
): ComparedCurrent {
  const ours = poolErrors(pairs.map((pair) => pair.ours));
  const theirs = poolErrors(pairs.map((pair) => pair.theirs));
  return {
    version,
    machineCount: Object.keys(ours).length,
    meanBrier: meanBrierOf(theirs),
    newMeanBrier: meanBrierOf(ours),
    difference: meanBrierDifference(ours, theirs, new Rng(1)),
  };
}

/** In a clause, for the audit log. */
export function adoptionReason({ adopt, decision, current, reason }: Adoption, force: boolean): string {
  const found = {
    'no-network-before': 'no network was in use',
    'better-or-level': `better than ${current?.version}, or level with it`,
    'not-comparable': `not compared with the network in use: ${reason}`,
    'worse-than-marginal': 'worse than the marginal hazard',
    'worse-than-current': `worse than ${current?.version}`,
  }[decision];
  return force && !adopt ? `${found}; forced` : found;
}

/** In sentences. */
export function describeAdoption(adoption: Adoption): string[] {
  const { meanBrier, marginalMeanBrier, machineCount, current, reason } = adoption;
  const score = (value: number | null) => formatNumber(value ?? Number.NaN);
  const lines = [
    `On ${formatCounted(machineCount, 'machine')} that it has not learned from: mean Brier ${score(meanBrier)}; the marginal hazard, which looks at no machine, ${score(marginalMeanBrier)}.`,
  ];
  if (current) {
    const { low, high } = current.difference as Interval;
    const word = low > 0 ? 'worse' : high < 0 ? 'better' : 'level, as far as these machines tell';
    lines.push(
      `On ${formatCounted(current.machineCount, 'machine')} new to both: ${score(current.newMeanBrier)}; ${current.version}, in use until now, ${score(current.meanBrier)}: ${word} (difference ${signed(low)} to ${signed(high)}).`,
    );
  }
  if (reason !== null) lines.push(`Not compared with the network in use: ${reason}.`);
  return lines;
}

const signed = (value: number) => `${value < 0 ? '−' : '+'}${formatNumber(Math.abs(value))}`;
