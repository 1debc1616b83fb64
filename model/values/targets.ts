/** What a value network learns to say: later values of its sensors, in standard deviations. */
import type { Preprocessing } from '../preprocessing.js';
import { assignRegime } from '../regimes.js';

/**
 * [L, columns] of rows [L, F]: (value − mean) / sd by the operating regime of each row, NaN where it is missing; 0 for a
 * sensor that does not vary in the regime. `columns` are among those that the preprocessing keeps.
 */
export function standardisedRows(
  rows: Float32Array,
  preprocessing: Preprocessing,
  columns: readonly number[],
): Float32Array {
  const { spec, keptColumns, regimes, means, sds } = preprocessing;
  const width = spec.names.length;
  const places = columns.map((column) => keptColumns.indexOf(column));
  const values = new Float32Array((rows.length / width) * columns.length);
  for (let step = 0; step < rows.length / width; step++) {
    const row = rows.subarray(step * width, (step + 1) * width);
    const regime = assignRegime(regimes, row);
    columns.forEach((column, index) => {
      const sd = sds[regime]![places[index]!]!;
      const value = row[column]!;
      const z = (value - means[regime]![places[index]!]!) / sd;
      values[step * columns.length + index] = Number.isFinite(value) ? (sd > 0 ? z : 0) : NaN;
    });
  }
  return values;
}
