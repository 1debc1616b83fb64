/** Networks as other frameworks are timed: 24 features, a window of 30 steps, no smoothed inputs unless asked for. */
import type { FeatureSpec } from '../../domain/features.js';
import type { NetworkShape } from '../../model/network.js';
import { inputSize, type Preprocessing } from '../../model/preprocessing.js';

const featureCount = 24;
const windowSteps = 30;

/** Standardises by nothing; with `alphas` also the smoothed means of all features, over 60 steps of context. */
export function plainPreprocessing(horizonSteps: number, alphas: readonly number[] = []): Preprocessing {
  const columns = Array.from({ length: featureCount }, (_, index) => index);
  return {
    formatVersion: 1,
    spec: {
      machineType: 'bench',
      names: columns.map((index) => `s${index}.mean`),
      units: columns.map(() => ''),
      settingColumns: [],
      windowSteps,
      contextSteps: alphas.length === 0 ? windowSteps : 2 * windowSteps,
      horizonSteps,
    } satisfies FeatureSpec,
    keptColumns: columns,
    smoothedColumns: alphas.length === 0 ? [] : columns,
    maskedColumns: [],
    smoothingAlphas: [...alphas],
    clipSds: 6,
    regimes: { columns: [], means: [], sds: [], centroids: [] },
    means: [columns.map(() => 0)],
    sds: [columns.map(() => 1)],
  };
}

export type Kind = Pick<NetworkShape, 'cell' | 'layers' | 'task' | 'hiddenSize'>;

export function plainShape(preprocessing: Preprocessing, kind: Kind): NetworkShape {
  const { horizonSteps } = preprocessing.spec;
  return {
    ...kind,
    normalization: 'none',
    inputSize: inputSize(preprocessing),
    horizonSteps,
    remainingLife: false,
    firstLogits: Array.from({ length: horizonSteps }, () => -4),
  };
}
