/**
 * Histories as a model without regimes can read them: measured features as z-scores of their operating regime, settings
 * left out. Without it a baseline on FD002 sees six flight conditions and little else, and any network looks good
 * beside it.
 */
import type { FeatureSpec, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { fitPreprocessing, type Preprocessing } from '../../model/preprocessing.js';
import { assignRegime } from '../../model/regimes.js';

const clipSds = 6;

export interface RegimeScaling {
  readonly spec: FeatureSpec;
  readonly regimeCount: number;
  apply(history: History): History;
}

/** Statistics come from `training` only, as a network's do. */
export function fitRegimeScaling(spec: FeatureSpec, training: readonly History[]): RegimeScaling {
  const fitted = fitPreprocessing(spec, training, { smoothingAlphas: [], clipSds }, new Rng(1));
  // The age stays as it is, in steps: a baseline by age needs it.
  const columns = fitted.keptColumns.filter((column) => !spec.settingColumns.includes(column));
  const scaled = new WeakMap<History, History>();
  return {
    spec: {
      ...spec,
      names: columns.map((column) => spec.names[column] as string),
      units: columns.map(() => ''),
      settingColumns: [],
    },
    regimeCount: Math.max(1, fitted.regimes.centroids.length),
    apply(history) {
      let own = scaled.get(history);
      if (!own) {
        own = { ...history, rows: scaleRows(history, fitted, columns) };
        scaled.set(history, own);
      }
      return own;
    },
  };
}

function scaleRows({ rows, stepCount }: History, fitted: Preprocessing, columns: readonly number[]) {
  const { spec, keptColumns, regimes, means, sds } = fitted;
  const width = spec.names.length;
  const scaled = new Float32Array(stepCount * columns.length);
  const place = columns.map((column) => keptColumns.indexOf(column));
  for (let step = 0; step < stepCount; step++) {
    const row = rows.subarray(step * width, (step + 1) * width);
    const regime = assignRegime(regimes, row);
    columns.forEach((column, index) => {
      const raw = row[column] as number;
      const at = place[index] as number;
      const sd = sds[regime]?.[at] as number;
      const z = sd > 0 ? (raw - (means[regime]?.[at] as number)) / sd : 0;
      scaled[step * columns.length + index] =
        spec.names[column] === 'age' ? raw : Math.max(-clipSds, Math.min(clipSds, z));
    });
  }
  return scaled;
}
