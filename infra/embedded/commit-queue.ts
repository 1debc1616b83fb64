import { WorldError } from '../../domain/errors.js';
import { LmdbBatch } from './lmdb-batch.js';
import type { LmdbWriter } from './lmdb-writer.js';

/** What a batch means for those who keep the same facts in memory. */
export interface Prepared {
  /** The batch is durable. */
  readonly apply: () => void;
  /** Nothing of the batch was written. */
  readonly revert: () => void;
}

/** One commit takes what waits, up to about this much: it bounds the memory of a batch and how long it takes. */
const commitBytesMax = 8 * 2 ** 20;
/** This much is worth a commit of its own at once: the disk is busy with it while the event loop prepares the next. */
const commitBytesEnough = 512 * 1024;
/** More than this may not wait: a caller who does not wait for acknowledgements is told to. */
const waitingBytesMax = 256 * 2 ** 20;

interface Waiting<Change> {
  readonly change: Change;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: changes that arrive while a commit is under way go into the next one together. One commit at a
 * time, in order of arrival.
 */
export class CommitQueue<Change> {
  readonly #writer: LmdbWriter;
  readonly #prepare: (changes: readonly Change[], batch: LmdbBatch) => Prepared;
  #waiting: Waiting<Change>[] = [];
  #waitingBytes = 0;
  readonly #exclusive: (() => Promise<void>)[] = [];
  #running: Promise<void> | null = null;

  /** `prepare` writes what the changes mean to the batch; it must not fail for changes that were let in. */
  constructor(writer: LmdbWriter, prepare: (changes: readonly Change[], batch: LmdbBatch) => Prepared) {
    this.#writer = writer;
    this.#prepare = prepare;
  }

  /** Resolves when the change is durable. `bytes`: about its size. */
  add(change: Change, bytes: number): Promise<void> {
    if (this.#waitingBytes + bytes > waitingBytesMax && this.#waiting.length > 0)
      return Promise.reject(
        new WorldError('throttled', 'too much waits to be written: wait for earlier writes first', {
          retryable: true,
        }),
      );
    this.#waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, bytes, resolve, reject });
      this.#start();
    });
  }

  /** Runs `task` while no commit is under way, before the changes that wait. */
  alone(task: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#exclusive.push(() => task().then(resolve, reject));
      this.#start();
    });
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#waiting.length > 0 || this.#exclusive.length > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    // Whatever this turn of the event loop still brings goes into the same commit.
    if (this.#waitingBytes < commitBytesEnough) await new Promise<void>((resolve) => setImmediate(resolve));
    for (;;) {
      const task = this.#exclusive.shift();
      if (task) await task();
      else if (this.#waiting.length > 0) await this.#commit(this.#take());
      else return;
    }
  }

  #take(): Waiting<Change>[] {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length; count++) {
      bytes += this.#waiting[count]?.bytes ?? 0;
      if (count > 0 && bytes > commitBytesMax) break;
    }
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const { bytes } of taken) this.#waitingBytes -= bytes;
    return taken;
  }

  async #commit(taken: readonly Waiting<Change>[]): Promise<void> {
    let prepared: Prepared | null = null;
    try {
      const batch = new LmdbBatch(1.5 * taken.reduce((bytes, one) => bytes + one.bytes, 0));
      prepared = this.#prepare(
        taken.map(({ change }) => change),
        batch,
      );
      if (batch.changeCount > 0) await this.#writer.commit(batch);
    } catch (error) {
      prepared?.revert();
      for (const { reject } of taken) reject(error);
      return;
    }
    prepared.apply();
    for (const { resolve } of taken) resolve();
  }
}
