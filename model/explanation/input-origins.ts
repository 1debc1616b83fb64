/**
 * Which feature of which day an input of the network comes from. Inputs are linear in the standardised features z
 * (preprocessing-graph.ts), once it is known which values are missing: so what an input contributes can be given back to
 * the days behind it without a remainder, a smoothed mean to all the days that it is a mean of.
 */
import { assert } from '../../domain/assert.js';
import { inputSize, type Preprocessing } from '../preprocessing.js';
import { assignRegime } from '../regimes.js';

/**
 * Adds to `into` [C, F] the contributions Σ_(t, i) gradient[t, i] · inputs[t, i], each to its day and feature. `window`
 * [C, F] raw; `gradient` [T, I]. An input that says that a value is missing counts for that value.
 */
export function giveBack(
  preprocessing: Preprocessing,
  window: Float32Array,
  gradient: Float64Array,
  into: Float64Array,
): void {
  const { spec, keptColumns, smoothedColumns, maskedColumns, smoothingAlphas } = preprocessing;
  const { lagSteps = [], differenceSteps = [] } = preprocessing;
  const { contextSteps, windowSteps, names } = spec;
  const width = names.length;
  const inputCount = inputSize(preprocessing);
  assert(gradient.length === windowSteps * inputCount, 'a gradient of every input');
  const standardised = standardise(preprocessing, window);
  const first = contextSteps - windowSteps;
  for (let step = 0; step < windowSteps; step++) {
    const day = first + step;
    const ofStep = gradient.subarray(step * inputCount, (step + 1) * inputCount);
    let input = 0;
    for (const column of keptColumns) {
      const z = standardised[day * width + column]!;
      if (!Number.isNaN(z)) into[day * width + column]! += ofStep[input]! * z;
      input += 1;
    }
    for (const alpha of smoothingAlphas)
      for (const column of smoothedColumns) {
        const slope = ofStep[input]!;
        input += 1;
        let total = 0;
        for (let c = 0; c <= day; c++)
          if (!Number.isNaN(standardised[c * width + column]!)) total += (1 - alpha) ** (day - c);
        if (total === 0) continue;
        for (let c = 0; c <= day; c++) {
          const z = standardised[c * width + column]!;
          if (!Number.isNaN(z)) into[c * width + column]! += (slope * (1 - alpha) ** (day - c) * z) / total;
        }
      }
    const zAt = (at: number, column: number) => (at < 0 ? Number.NaN : standardised[at * width + column]!);
    for (const lag of lagSteps)
      for (const column of smoothedColumns) {
        const z = zAt(day - lag, column);
        if (!Number.isNaN(z)) into[(day - lag) * width + column]! += ofStep[input]! * z;
        input += 1;
      }
    for (const lag of differenceSteps)
      for (const column of smoothedColumns) {
        const [z, before] = [zAt(day, column), zAt(day - lag, column)];
        if (!Number.isNaN(z - before)) {
          into[day * width + column]! += ofStep[input]! * z;
          into[(day - lag) * width + column]! -= ofStep[input]! * before;
        }
        input += 1;
      }
    for (const column of maskedColumns) {
      if (Number.isNaN(standardised[day * width + column]!)) into[day * width + column]! += ofStep[input]!;
      input += 1;
    }
    assert(input === inputCount, 'to know where every input comes from');
  }
}

/** [C, F] z of the kept columns as the graph has it; NaN where missing, 0 where not kept. */
function standardise(preprocessing: Preprocessing, window: Float32Array): Float64Array {
  const { spec, keptColumns, regimes, means, sds, clipSds } = preprocessing;
  const width = spec.names.length;
  const standardised = new Float64Array(window.length);
  for (let day = 0; day < spec.contextSteps; day++) {
    const row = window.subarray(day * width, (day + 1) * width);
    const regime = assignRegime(regimes, row);
    keptColumns.forEach((column, kept) => {
      const sd = sds[regime]![kept]!;
      const z = sd > 0 ? (row[column]! - means[regime]![kept]!) / sd : row[column]! * 0;
      standardised[day * width + column] = Math.max(-clipSds, Math.min(clipSds, z));
    });
  }
  return standardised;
}
