/** Plant time in milliseconds since the Unix epoch, UTC. The only file that may read the wall clock. */
export interface Clock {
  nowMs(): number;
}

/** The computer's own clock. */
export const wallClock: Clock = { nowMs: () => Date.now() };

/** A clock moved by hand (replay, demo, tests). Never goes back: an earlier time leaves it where it is. */
export class SetClock implements Clock {
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  advanceTo(timeMs: number): void {
    if (timeMs > this.#nowMs) this.#nowMs = timeMs;
  }
}
