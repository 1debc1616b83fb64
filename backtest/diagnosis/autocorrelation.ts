/**
 * Autocorrelation of residuals along each machine's own origins, lags 1..lagMax, pooled over machines: Σ (r_t − m)
 * (r_{t+lag} − m) / Σ (r_t − m)², the mean m over all. Box & Jenkins 1970, eq. 2.1.12, with pairs of one series only.
 * A lag without a pair is null, so are all where the residuals do not vary.
 */
export function autocorrelation(
  series: readonly (readonly number[])[],
  lagMax: number,
): readonly (number | null)[] {
  const all = series.flat();
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
  return Array.from({ length: lagMax }, (_, index) => {
    const lag = index + 1;
    let sum = 0;
    let count = 0;
    for (const values of series)
      for (let at = 0; at + lag < values.length; at++) {
        sum += ((values[at] as number) - mean) * ((values[at + lag] as number) - mean);
        count += 1;
      }
    return count === 0 || !(variance > 0) ? null : sum / count / variance;
  });
}
