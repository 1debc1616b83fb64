import { setTimeout as sleep } from 'node:timers/promises';

/** Longest wait of what can wait. */
const patienceMs = 1_000;

/**
 * Lets the consumers of one process that people wait for go first: a partition that can wait begins a batch when no
 * other has anything to do, or after a second.
 */
export class Turns {
  #busyCount = 0;
  readonly #waiting = new Set<() => void>();

  /** A partition that cannot wait has records to process. */
  begin(): void {
    this.#busyCount++;
  }

  /** It has processed them. */
  end(): void {
    if (--this.#busyCount > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async wait(): Promise<void> {
    if (this.#busyCount === 0) return;
    const patience = new AbortController();
    let resolve = () => {};
    const idle = new Promise<void>((settle) => {
      resolve = settle;
    });
    this.#waiting.add(resolve);
    // An abort is the end of the wait, not a failure.
    await Promise.race([idle, sleep(patienceMs, undefined, { signal: patience.signal }).catch(() => {})]);
    this.#waiting.delete(resolve);
    patience.abort();
  }
}
