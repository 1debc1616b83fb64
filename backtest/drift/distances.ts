/** How far two distributions are apart, from counts in the same bins. */

/**
 * Population stability index: Σ (p − q) ln(p / q) over the bins, 0 where they are alike; the symmetrised divergence of Kullback and
 * Leibler 1951, under this name in Siddiqi 2006, "Credit Risk Scorecards", with deciles of the reference as bins; by usage below 0.1
 * no change, above 0.25 a large one. An empty bin counts as half a row, so that the index stays finite. NaN where either side is empty.
 */
export function populationStabilityIndex(now: readonly number[], then: readonly number[]): number {
  const [a, b] = [shares(now), shares(then)];
  return a.reduce((sum, share, bin) => {
    const other = b[bin] as number;
    return sum + (share - other) * Math.log(share / other);
  }, 0);
}

function shares(counts: readonly number[]): number[] {
  const total = sum(counts);
  return counts.map((count) => Math.max(count, 0.5) / total);
}

/**
 * Kolmogorov–Smirnov distance: the largest difference of the two cumulative distributions, in [0, 1], at the edges of the bins: that of the
 * values themselves less at most the share of one bin. NaN where either side is empty.
 */
export function kolmogorovSmirnov(now: readonly number[], then: readonly number[]): number {
  const [nowTotal, thenTotal] = [sum(now), sum(then)];
  if (nowTotal === 0 || thenTotal === 0) return Number.NaN;
  let [difference, largest] = [0, 0];
  now.forEach((count, bin) => {
    difference += count / nowTotal - (then[bin] as number) / thenTotal;
    largest = Math.max(largest, Math.abs(difference));
  });
  return largest;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
