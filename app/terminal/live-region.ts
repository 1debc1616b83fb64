/**
 * A few lines at the bottom of the terminal that are redrawn in place, with ordinary lines scrolling above them. Without
 * a terminal the region shows its first line now and then, and nothing moves.
 */
import { createLogUpdate } from 'log-update';
import type { Clock } from '../../domain/clock.js';
import type { Terminal } from './terminal.js';

const lineMs = 10_000;

export class LiveRegion {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #draw: ReturnType<typeof createLogUpdate> | undefined;
  #lines: readonly string[] = [];
  #printedMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#draw = terminal.moves
      ? createLogUpdate(terminal.stream as unknown as NodeJS.WritableStream)
      : undefined;
  }

  /** Shows `lines` in place of what the region showed. */
  update(lines: readonly string[]): void {
    if (this.#closed) return;
    this.#lines = lines;
    if (this.#draw !== undefined) {
      this.#draw(lines.join('\n'));
      return;
    }
    const nowMs = this.#clock.nowMs();
    const [first] = lines;
    if (first === undefined || nowMs - this.#printedMs < lineMs) return;
    this.#printedMs = nowMs;
    this.#terminal.print(first.trim());
  }

  /** Prints a line that stays, above the region. */
  print(line: string): void {
    this.#draw?.clear();
    this.#terminal.print(line);
    if (!this.#closed) this.#draw?.(this.#lines.join('\n'));
  }

  /** Takes the region away (`keep`: leaves its last lines standing) and shows the cursor again; idempotent. */
  close(keep = false): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!keep) this.#draw?.clear();
    this.#draw?.done();
  }
}
