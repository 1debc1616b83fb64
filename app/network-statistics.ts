/** Where the statistics that a network scales its inputs by come from: its training machines alone, or what it is judged on, too. */
import type { History } from '../domain/features.js';
import { Rng } from '../domain/rng.js';
import type { SeenData } from '../model/artifact.js';
import type { StoredPreprocessing } from '../model/ensemble.js';
import { fitPreprocessing } from '../model/preprocessing.js';

export type StatisticsVerdict =
  /** Those of the machines it learned from, to the last digits. */
  | 'training-only'
  /** Nearer to those of training and judged machines together. */
  | 'whole-set'
  /** Of other data, by operating regime, or of an ensemble: it cannot be told. */
  | 'unknown';

export interface NetworkStatistics {
  readonly verdict: StatisticsVerdict;
  /** Greatest distance of a mean, in standard deviations, from those of the training machines, and of all; null: unknown. */
  readonly fromTraining: number | null;
  readonly fromWhole: number | null;
}

/** Means are compared with 1e-6 standard deviations to spare: they are sums in another order. */
const exactSds = 1e-6;

export function networkStatistics(
  preprocessing: StoredPreprocessing,
  seen: SeenData | undefined,
  training: readonly History[],
  judged: readonly History[],
): NetworkStatistics {
  const unknown: NetworkStatistics = { verdict: 'unknown', fromTraining: null, fromWhole: null };
  if (!('regimes' in preprocessing)) return unknown;
  const learned = new Set(seen?.trainingMachines);
  const own = training.filter(({ machine }) => learned.has(machine));
  if (own.length < learned.size || own.length === 0 || preprocessing.regimes.centroids.length > 1)
    return unknown;
  const distance = (histories: readonly History[]): number => {
    const fitted = fitPreprocessing(
      preprocessing.spec,
      histories,
      { smoothingAlphas: [], clipSds: preprocessing.clipSds },
      new Rng(1),
    );
    return Math.max(
      ...preprocessing.keptColumns.map((column, index) => {
        const mean = fitted.means[0]?.[fitted.keptColumns.indexOf(column)];
        const sd = preprocessing.sds[0]?.[index] as number;
        return mean === undefined
          ? Infinity
          : Math.abs(mean - (preprocessing.means[0]?.[index] as number)) / sd;
      }),
    );
  };
  const fromTraining = distance(own);
  const fromWhole = distance([...training, ...judged]);
  if (fromTraining <= exactSds) return { verdict: 'training-only', fromTraining, fromWhole };
  return { verdict: fromWhole < fromTraining ? 'whole-set' : 'unknown', fromTraining, fromWhole };
}
