import type { LiveRecord } from '../live-tail.js';

/**
 * Tells when the forecasts of a moment are out: when the tick of that time, which follows them, has come through every
 * partition of the topic `forecasts`.
 */
export class LockStep {
  readonly #partitionCount: number;
  /** Time → partitions whose tick has come. */
  readonly #ticks = new Map<number, number>();
  #reachedMs = Number.NEGATIVE_INFINITY;
  #waiting: { readonly timeMs: number; readonly resolve: () => void } | undefined;

  constructor(partitionCount: number) {
    this.#partitionCount = partitionCount;
  }

  take(record: LiveRecord): void {
    if (record.kind !== 'tick') return;
    const count = (this.#ticks.get(record.timeMs) ?? 0) + 1;
    this.#ticks.set(record.timeMs, count);
    if (count < this.#partitionCount) return;
    this.#ticks.delete(record.timeMs);
    this.#reachedMs = Math.max(this.#reachedMs, record.timeMs);
    if (this.#waiting && this.#waiting.timeMs <= this.#reachedMs) this.#waiting.resolve();
  }

  /** One caller at a time. */
  reached(timeMs: number): Promise<void> {
    if (this.#reachedMs >= timeMs) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = { timeMs, resolve };
    });
  }
}
