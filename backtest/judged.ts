/** A forecast with what came of it: the row that every metric reads. */

/** Outcomes and F_1..F_H of one forecast. H is the length of `probabilities`. */
export interface Judged {
  /** [H] F_k in [0, 1]: probability of having failed by the end of day k after the origin; non-decreasing. */
  readonly probabilities: ArrayLike<number>;
  /** Day k in 1..H of the failure, counted from the origin; 0: no failure is known within H. */
  readonly eventDay: number;
  /** Days after the origin whose outcome is known, 0..H: up to the failure, or to the end of the record. */
  readonly knownDays: number;
  /**
   * Days after the origin that were under observation, 0..H, had the machine not failed: the administrative
   * censoring day. Equal to `knownDays` without a failure; at least `eventDay` with one; H where machines run to
   * failure.
   */
  readonly observedDays: number;
}

/**
 * Which rows count at day k when some records end before it.
 *
 * - `administrative`: those under observation on day k (observedDays ≥ k), whether or not they had failed by then.
 *   Unbiased when the end of observation does not depend on the machine's health (an end of the data set).
 *   As `EvalSurv` of pycox with `censor_durations` (Kvamme & Borgan 2023, "The Brier score under administrative
 *   censoring", JMLR 24).
 * - `known-status`: those known to have failed by k or to run at the end of k. Keeps more rows, but early failures
 *   of machines that were observed briefly stay in while their survivors drop out: failures are over-counted.
 *
 * Without a record that ends early the two are the same.
 */
export type Censoring = 'administrative' | 'known-status';

/** What is known of the machine at the end of day `day` after the origin. */
export function statusAt(row: Judged, day: number): 'failed' | 'running' | 'unknown' {
  if (row.eventDay > 0) return row.eventDay <= day ? 'failed' : 'running';
  return row.knownDays >= day ? 'running' : 'unknown';
}

/** The rows that count at `day`, with their outcome: 1 failed by the end of `day`, 0 running. */
export function outcomesAt(
  rows: readonly Judged[],
  day: number,
  censoring: Censoring,
): { readonly probability: Float64Array; readonly failed: Uint8Array } {
  const probability = new Float64Array(rows.length);
  const failed = new Uint8Array(rows.length);
  let count = 0;
  for (const row of rows) {
    const status = statusAt(row, day);
    if (status === 'unknown' || (censoring === 'administrative' && row.observedDays < day)) continue;
    probability[count] = row.probabilities[day - 1] as number;
    failed[count] = status === 'failed' ? 1 : 0;
    count++;
  }
  return { probability: probability.subarray(0, count), failed: failed.subarray(0, count) };
}
