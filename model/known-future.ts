/**
 * What is known of the days to come when a forecast is issued. So far planned visits: a machine that is maintained every
 * so many steps will be visited again then, counted from the last maintenance of any kind. Nothing here looks at what
 * came: the plan is the past's cadence, carried on.
 */
import type { FeatureSpec } from '../domain/features.js';
import type { TensorValue } from './ports.js';

/** Names of the covariates of a day, in the order of `future`. */
export function knownFutureNames({ plannedVisits }: Pick<FeatureSpec, 'plannedVisits'>): readonly string[] {
  return plannedVisits ? ['plan.visit'] : [];
}

/** Columns of steps since maintenance, a kind each. */
export function maintenanceColumns({ names }: Pick<FeatureSpec, 'names'>): readonly number[] {
  return names.flatMap((name, column) => (name.startsWith('since.') ? [column] : []));
}

/**
 * Inputs of a model for windows [B, C, F] row-major: `windows`, and `future` [B, H, K] where the model was made for it.
 * A machine that was never maintained has no visit to expect: zeros.
 */
export function windowFeeds(spec: FeatureSpec, windows: Float32Array): Record<string, TensorValue> {
  const { contextSteps, horizonSteps, names } = spec;
  const length = contextSteps * names.length;
  const rowCount = windows.length / length;
  const feeds = { windows: { dims: [rowCount, contextSteps, names.length], data: windows } };
  const width = knownFutureNames(spec).length;
  if (width === 0) return feeds;
  const data = new Float32Array(rowCount * horizonSteps * width);
  for (let row = 0; row < rowCount; row++) {
    const newest = windows.subarray((row + 1) * length - names.length, (row + 1) * length);
    data.set(plannedVisits(spec, newest), row * horizonSteps);
  }
  return { ...feeds, future: { dims: [rowCount, horizonSteps, width], data } };
}

/** [H] 1 for each step after the newest row in which a visit is planned, else 0. */
function plannedVisits(spec: FeatureSpec, newest: Float32Array): Float32Array {
  const { everySteps = 1 } = spec.plannedVisits ?? {};
  const ages = maintenanceColumns(spec).map((column) => newest[column] as number);
  const lastVisit = Math.min(...ages.filter((age) => !Number.isNaN(age)));
  return Float32Array.from({ length: spec.horizonSteps }, (_, index) =>
    (lastVisit + index + 1) % everySteps === 0 ? 1 : 0,
  );
}
