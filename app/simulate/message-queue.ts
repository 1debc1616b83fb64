import type { SimulatedMessage } from './simulate-factory.js';

interface Entry {
  readonly message: SimulatedMessage;
  /** Order of entry, for messages that arrive at the same time. */
  readonly sequence: number;
}

/** Messages on their way, given out in the order of their arrival: a binary heap. */
export class MessageQueue {
  readonly #heap: Entry[] = [];
  #sequence = 0;

  push(message: SimulatedMessage): void {
    const heap = this.#heap;
    const entry = { message, sequence: this.#sequence++ };
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  /** Takes out all that arrive before `timeMs`. */
  *takeUntil(timeMs: number): Generator<SimulatedMessage> {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.message.timeMs >= timeMs) return;
      this.#removeFirst();
      yield first.message;
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right] as Entry, heap[left] as Entry) ? right : left;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return (
    a.message.timeMs < b.message.timeMs || (a.message.timeMs === b.message.timeMs && a.sequence < b.sequence)
  );
}
