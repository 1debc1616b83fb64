/**
 * The alerts that were there before a receiver was: it is told those that are open when it joins, at their present
 * state, and nothing of those that are over. Where it joined is durable, so that after a restart or a crash it is still
 * that moment which divides the past from what it is told in full.
 */
import type { AlertRecord } from '../domain/alert.js';

/** Offsets of the partition of `alerts` that are the receiver's past: `[fromOffset, untilOffset)`. */
export interface PastOffsets {
  readonly fromOffset: number;
  readonly untilOffset: number;
}

export class AlertsBefore {
  readonly offsets: PastOffsets;
  readonly #open = new Map<string, AlertRecord>();

  constructor(offsets: PastOffsets) {
    this.offsets = offsets;
  }

  /** In the order of the log. */
  note(alert: AlertRecord): void {
    this.#open.delete(alert.alertId);
    if (alert.state !== 'resolved') this.#open.set(alert.alertId, alert);
  }

  /** Newest transition of each alert that is not over, the oldest of them first. */
  open(): Iterable<AlertRecord> {
    return this.#open.values();
  }
}
