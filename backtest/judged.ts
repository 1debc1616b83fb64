/** A forecast with what came of it: the row that every metric reads. */
import { ascendingOrder } from './metrics/order.js';

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

/** Columns of the rows that count at one day, with what came of each. */
export interface Outcomes {
  readonly probability: Float64Array;
  /** 1 failed by the end of the day, 0 running. */
  readonly failed: Uint8Array;
  /** How often each row counts: once, unless a bootstrap has drawn otherwise. At least 0. */
  readonly weight: Float64Array;
  /** Index of each among all rows. */
  readonly row: Int32Array;
}

/** The rows that count at `day`. */
export function outcomesAt(rows: readonly Judged[], day: number, censoring: Censoring): Outcomes {
  const probability = new Float64Array(rows.length);
  const failed = new Uint8Array(rows.length);
  const row = new Int32Array(rows.length);
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const each = rows[index] as Judged;
    const status = statusAt(each, day);
    if (status === 'unknown' || (censoring === 'administrative' && each.observedDays < day)) continue;
    probability[count] = each.probabilities[day - 1] as number;
    failed[count] = status === 'failed' ? 1 : 0;
    row[count] = index;
    count++;
  }
  return {
    probability: probability.subarray(0, count),
    failed: failed.subarray(0, count),
    weight: new Float64Array(count).fill(1),
    row: row.subarray(0, count),
  };
}

/** The same, greatest probability first. */
export function ranked({ probability, failed, weight, row }: Outcomes): Outcomes {
  const order = ascendingOrder(probability.map((value) => -value));
  return {
    probability: Float64Array.from(order, (index) => probability[index] as number),
    failed: Uint8Array.from(order, (index) => failed[index] as number),
    weight: Float64Array.from(order, (index) => weight[index] as number),
    row: order.map((index) => row[index] as number),
  };
}
