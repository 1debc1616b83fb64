interface Entry<Item> {
  readonly item: Item;
  timeMs: number;
  /** Order of entry, for items of the same time. */
  readonly sequence: number;
  /** Where it lies in the heap. */
  at: number;
}

/**
 * Items by time, the earliest first; of those of the same time, the one that was put in first. A binary heap that knows where
 * each item lies, so that its time can change.
 */
export class TimeQueue<Item> {
  readonly #heap: Entry<Item>[] = [];
  readonly #entries = new Map<Item, Entry<Item>>();
  #sequence = 0;

  get first(): Item | undefined {
    return this.#heap[0]?.item;
  }

  /** Time of the first; Infinity: there is none. */
  get firstMs(): number {
    return this.#heap[0]?.timeMs ?? Number.POSITIVE_INFINITY;
  }

  /** Puts an item in, or gives it another time. */
  set(item: Item, timeMs: number): void {
    let entry = this.#entries.get(item);
    if (!entry) {
      entry = { item, timeMs, sequence: this.#sequence++, at: this.#heap.length };
      this.#entries.set(item, entry);
    }
    entry.timeMs = timeMs;
    this.#place(entry, entry.at);
  }

  delete(item: Item): void {
    const entry = this.#entries.get(item);
    if (!entry) return;
    this.#entries.delete(item);
    const last = this.#heap.pop() as Entry<Item>;
    if (last !== entry) this.#place(last, entry.at);
  }

  /** Takes out all that come before `timeMs`, one after the other. */
  *takeBefore(timeMs: number): Generator<Item> {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.timeMs >= timeMs) return;
      this.delete(first.item);
      yield first.item;
    }
  }

  /** Puts the entry into the hole at `at`, which moves up or down to where the entry belongs. */
  #place(entry: Entry<Item>, at: number): void {
    const heap = this.#heap;
    let hole = at;
    const fill = (from: number) => {
      const moved = heap[from] as Entry<Item>;
      heap[hole] = moved;
      moved.at = hole;
      hole = from;
    };
    while (hole > 0 && isBefore(entry, heap[(hole - 1) >> 1] as Entry<Item>)) fill((hole - 1) >> 1);
    for (;;) {
      const [left, right] = [2 * hole + 1, 2 * hole + 2];
      if (left >= heap.length) break;
      const child =
        right < heap.length && isBefore(heap[right] as Entry<Item>, heap[left] as Entry<Item>) ? right : left;
      if (!isBefore(heap[child] as Entry<Item>, entry)) break;
      fill(child);
    }
    heap[hole] = entry;
    entry.at = hole;
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence);
}
