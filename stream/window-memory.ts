/**
 * Memory for the windows of a batch, used again for those of the batches that follow. Ten thousand machines that close a
 * step at once have 70 MB of windows: in new memory each time, they were half the work of the garbage collector (docs/GOTCHAS.md).
 */

/** 2 MB: some 280 windows at a context of 60 steps and 30 features. */
const slabLength = 2 ** 19;
/** Slabs that wait for their next use, of all partitions together: no more than 32 MB. */
const freeMax = 16;
const free: Float32Array[] = [];

export class WindowMemory {
  readonly #slabs: Float32Array[] = [];
  #usedLength = slabLength;

  /** Uninitialised. */
  take(length: number): Float32Array {
    if (length > slabLength) return new Float32Array(length);
    if (this.#usedLength + length > slabLength) {
      this.#slabs.push(free.pop() ?? new Float32Array(slabLength));
      this.#usedLength = 0;
    }
    const from = this.#usedLength;
    this.#usedLength += length;
    return (this.#slabs.at(-1) as Float32Array).subarray(from, this.#usedLength);
  }

  /** Gives back all that was taken: it will be written to by others. */
  release(): void {
    free.push(...this.#slabs.splice(0, freeMax - free.length));
    this.#slabs.length = 0;
    this.#usedLength = slabLength;
  }
}
