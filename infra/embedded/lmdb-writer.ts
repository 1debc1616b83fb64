import { Worker } from 'node:worker_threads';
import { assert } from '../../domain/assert.js';
import { WorldError } from '../../domain/errors.js';
import type { LmdbBatch } from './lmdb-batch.js';
import { commitError } from './lmdb-errors.js';
import type { WriterAnswer, WriterRequest } from './lmdb-writer-thread.js';

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The main thread's end of the thread that writes an LMDB folder. Requests are answered in order. */
export class LmdbWriter {
  readonly #dir: string;
  readonly #thread: Worker;
  readonly #waiting: Waiting[] = [];
  #databaseCount = 0;
  #gone: WorldError | null = null;
  #closing: Promise<void> | null = null;

  constructor(dir: string) {
    this.#dir = dir;
    this.#thread = new Worker(new URL('./lmdb-writer-thread.js', import.meta.url), { workerData: { dir } });
    // An idle writer does not keep the process alive; a request under way does.
    this.#thread.unref();
    this.#thread.on('message', (answer: WriterAnswer) => {
      const waiting = this.#waiting.shift();
      assert(waiting, 'an answer to follow a request');
      if (this.#waiting.length === 0) this.#thread.unref();
      if (answer) waiting.reject(commitError(answer, dir));
      else waiting.resolve();
    });
    this.#thread.on('error', (error) => this.#fail(error));
    this.#thread.on('exit', () => this.#fail(undefined));
  }

  /** Opens (and creates) databases; returns their numbers. One call at a time. */
  async openDatabases(names: readonly string[]): Promise<number[]> {
    await this.#ask({ kind: 'databases', names });
    const first = this.#databaseCount;
    this.#databaseCount += names.length;
    return names.map((_, index) => first + index);
  }

  /** Resolves when all changes of the batch are on the disk; a rejection means that none is. */
  commit(batch: LmdbBatch): Promise<void> {
    const { memory, length } = batch.take();
    return this.#ask({ kind: 'commit', memory, length }, [memory]);
  }

  close(): Promise<void> {
    this.#closing ??= this.#ask({ kind: 'close' }).finally(() => this.#thread.terminate());
    return this.#closing;
  }

  #ask(request: WriterRequest, transfer: ArrayBuffer[] = []): Promise<void> {
    if (this.#gone) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#thread.ref();
      this.#thread.postMessage(request, transfer);
    });
  }

  #fail(cause: unknown): void {
    this.#gone ??= new WorldError('closed', `the thread that writes ${this.#dir} has ended`, {
      retryable: false,
      cause,
    });
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#gone);
  }
}
