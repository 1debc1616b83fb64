/** Takes from a window what rules ask of its sensors. */
import { assert } from '../domain/assert.js';
import type { FeatureSpec, FeatureWindow } from '../domain/features.js';
import { type Measure, measureKey } from '../domain/measure.js';
import { significant } from './significant.js';

/** By `measureKey`; null where it cannot be told. */
export type Measurer = (window: FeatureWindow) => Readonly<Record<string, number | null>>;

/** Caller: every measure is of a feature of `spec`, with at most half its context in `steps`. */
export function makeMeasurer(spec: FeatureSpec, measures: readonly Measure[]): Measurer {
  const takers = measures.map((measure) => {
    const column = spec.names.indexOf(measure.feature);
    assert(column >= 0, `a feature "${measure.feature}" of ${spec.machineType}`);
    const take = (window: FeatureWindow): number | null => {
      const values = columnOf(window, column, spec);
      return measure.kind === 'value' ? (values.at(-1) ?? null) : drift(values, measure.steps);
    };
    return [measureKey(measure), take] as const;
  });
  return (window) =>
    Object.fromEntries(
      takers.map(([key, take]) => {
        const value = take(window);
        return [key, value === null || !Number.isFinite(value) ? null : significant(value)];
      }),
    );
}

/** One feature over the present life, oldest first; NaN where it is missing. */
function columnOf({ rows, stepCount }: FeatureWindow, column: number, { names, contextSteps }: FeatureSpec) {
  return Array.from(
    { length: stepCount },
    (_, step) => rows[(contextSteps - stepCount + step) * names.length + column] as number,
  );
}

/**
 * Standardized shift of the mean; missing values are left out. null where nothing of the newest `steps` is known, or less than as many
 * of the steps before them, or these do not vary.
 */
function drift(values: readonly number[], steps: number): number | null {
  const known = (part: readonly number[]) => part.filter((value) => !Number.isNaN(value));
  const newest = known(values.slice(-steps));
  const before = known(values.slice(0, -steps));
  if (newest.length === 0 || before.length < Math.max(2, steps)) return null;
  const middle = mean(before);
  const deviation = Math.sqrt(
    before.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (before.length - 1),
  );
  return deviation > 0 ? (mean(newest) - middle) / deviation : null;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
