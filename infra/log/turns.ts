import { setTimeout as sleep } from 'node:timers/promises';

/** Longest wait of what can wait. */
const patienceMs = 1_000;

interface Queued {
  readonly urgency: number;
  readonly begin: () => void;
}

/**
 * Who begins a batch when, of the partitions that the consumers of one process have in hand. Each batch has a turn of
 * the event loop: its checkpoint is on the way before the next batch begins, and timers and sockets are not kept
 * waiting by a log that answers at once. A partition that can wait begins when no other has anything to do, or after
 * a second.
 */
export class Turns {
  /** The most urgent first; those that are equal, in their order of arrival. */
  readonly #queue: Queued[] = [];
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

  /** Resolves when a batch of that urgency may begin. */
  next(urgency: number): Promise<void> {
    return new Promise((begin) => {
      const before = this.#queue.findLastIndex((queued) => queued.urgency >= urgency);
      this.#queue.splice(before + 1, 0, { urgency, begin });
      if (this.#queue.length === 1) setImmediate(() => this.#beginOne());
    });
  }

  #beginOne(): void {
    this.#queue.shift()?.begin();
    if (this.#queue.length > 0) setImmediate(() => this.#beginOne());
  }

  /** For what can wait, before `next`. */
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
