/**
 * Places of the values from the least up, equal ones in the order in which they stand. No NaN. Without a function that
 * compares two: called some 15 times a row, for every day and forecaster, it was a quarter of the time of a large report.
 */
export function ascendingOrder(values: Float64Array): Int32Array {
  const sorted = values.slice().sort();
  const placed = new Int32Array(values.length);
  const order = new Int32Array(values.length);
  for (let place = 0; place < values.length; place++) {
    const first = countBelow(sorted, values[place] as number);
    order[first + (placed[first] as number)] = place;
    placed[first] = (placed[first] as number) + 1;
  }
  return order;
}

/** How many of the ascending values are < value. */
export function countBelow(sorted: Float64Array, value: number): number {
  return countFirst(sorted, (other) => other < value);
}

/** How many of the ascending values are ≤ value. */
export function countAtMost(sorted: Float64Array, value: number): number {
  return countFirst(sorted, (other) => other <= value);
}

/** How many values from the first on are so, where none is behind the first that is not. */
function countFirst(sorted: Float64Array, isSo: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(sorted[middle] as number)) low = middle + 1;
    else high = middle;
  }
  return low;
}
