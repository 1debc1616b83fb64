/** Calls `tick` with the time at whole multiples of an interval, as long as plant time is the computer's. */
import type { Clock } from '../domain/clock.js';

export interface TickerParts {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Usually `Ingest.tick`. The next tick waits for it: while the log is away, ticks do not pile up. */
  readonly tick: (timeMs: number) => Promise<void>;
}

/**
 * Due times are multiples of the interval since the epoch: a late timer delays one tick and not those after it. Due
 * times that passed while a tick was under way are left out; the next tick carries the time all the same.
 */
export class Ticker {
  readonly #parts: TickerParts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #running = false;
  readonly #done: Promise<void>;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(parts: TickerParts) {
    this.#parts = parts;
    this.#done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever wants to know awaits `done`; nobody has to.
    this.#done.catch(() => {});
  }

  /** Resolves after `stop`; rejects with the error of the tick that ended it. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** The first tick is written at once. Does nothing when it runs. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#beat();
  }

  /** Waits for the tick under way; idempotent. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    await this.#underWay;
    this.#settle?.resolve();
  }

  #beat(): void {
    const { clock, intervalMs, tick } = this.#parts;
    this.#underWay = tick(clock.nowMs()).then(
      () => {
        if (!this.#running) return;
        const nowMs = clock.nowMs();
        const waitMs = (Math.floor(nowMs / intervalMs) + 1) * intervalMs - nowMs;
        this.#timer = setTimeout(() => this.#beat(), waitMs);
      },
      (error: unknown) => {
        this.#running = false;
        this.#settle?.reject(error);
      },
    );
  }
}
