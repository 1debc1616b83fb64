/**
 * One line that moves while long work goes on; without a terminal, a plain line now and then. Time comes from a clock
 * that is given, so that a test can hold it still.
 */
import type { Clock } from '../../domain/clock.js';
import { formatSpan } from './format.js';
import { LiveRegion } from './live-region.js';
import type { Terminal } from './terminal.js';

/** Redraws at most this often on a terminal. */
const redrawMs = 80;
/** Without a terminal, a line at most this often. */
const lineMs = 5000;
const barColumns = 24;

export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #label: string;
  readonly #startMs: number;
  readonly #region: LiveRegion | undefined;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #ended = false;

  /** `label` is the word at the start of the line, such as "train". */
  constructor(label: string, terminal: Terminal, clock: Clock) {
    this.#label = label;
    this.#terminal = terminal;
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    this.#region = terminal.moves ? new LiveRegion(terminal, clock) : undefined;
  }

  /**
   * Tells how far it is. `note` is what is worth knowing now ("epoch 31/60 · validation loss 0.318"); `below` are lines
   * shown under the bar on a terminal only. Cheap when it does not draw: may be called in an inner loop.
   */
  update(doneCount: number, totalCount: number, note = '', below: readonly string[] = []): void {
    if (this.#ended) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#drawnMs < (this.#terminal.moves ? redrawMs : lineMs)) return;
    this.#drawnMs = nowMs;
    const share = totalCount > 0 ? Math.min(1, Math.max(0, doneCount / totalCount)) : 0;
    const elapsedMs = nowMs - this.#startMs;
    // An estimate from under 3 % of the work or the first second says more about luck than about time.
    const left =
      share > 0.03 && share < 1 && elapsedMs > 1000
        ? ` · ${formatSpan((elapsedMs / share) * (1 - share))} left`
        : '';
    const words = `${note === '' ? '' : `${note} · `}${formatSpan(elapsedMs)}${left}`;
    if (this.#region === undefined) {
      this.#terminal.print(`${this.#label}: ${Math.round(share * 100)} % · ${words}`);
      return;
    }
    const filled = Math.round(share * barColumns);
    const bar = '█'.repeat(filled) + this.#terminal.paint.dim('░'.repeat(barColumns - filled));
    this.#region.update([`  ${this.#label.padEnd(8)} ${bar}  ${words}`, ...below]);
  }

  /** Replaces the bar with a sentence that stays; further updates do nothing. */
  end(sentence: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#region?.close();
    this.#terminal.print(
      `${this.#region === undefined ? `${this.#label}: ` : `  ${this.#label.padEnd(8)} `}${sentence}`,
    );
  }
}
