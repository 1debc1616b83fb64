/** What became of the readings, or of the events, of a partition: each that was processed is in exactly one of these. */
export interface Ledger {
  readonly accepted: number;
  /** Same machine, sensor and event time (events: kind, code and event time) as one before: without effect. */
  readonly duplicate: number;
  /** Older than the revision horizon, or of a life that has ended. */
  readonly late: number;
  /** Refused by the stream stage for another reason: too far ahead, or a type, sensor or event code it does not have. */
  readonly rejected: number;
}

export const emptyLedger: Ledger = { accepted: 0, duplicate: 0, late: 0, rejected: 0 };

export function addLedgers(a: Ledger, b: Ledger): Ledger {
  return {
    accepted: a.accepted + b.accepted,
    duplicate: a.duplicate + b.duplicate,
    late: a.late + b.late,
    rejected: a.rejected + b.rejected,
  };
}
