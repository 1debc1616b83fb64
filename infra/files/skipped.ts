import type { SkippedRows } from '../../domain/dataset.js';

/** Counts rows that a reader leaves out, and keeps the first of each reason. */
export class SkippedCounter {
  readonly #byReason = new Map<SkippedRows['reason'], { count: number; readonly first: string }>();

  add(reason: SkippedRows['reason'], file: string, line: number, detail: string): void {
    const known = this.#byReason.get(reason);
    if (known) known.count++;
    else this.#byReason.set(reason, { count: 1, first: `${file}:${line}: ${detail}` });
  }

  list(): SkippedRows[] {
    return [...this.#byReason].map(([reason, { count, first }]) => ({ reason, count, first }));
  }
}
