/** Runs graphs in a worker thread of its own, so that the event loop never waits for a network. */
import { Worker } from 'node:worker_threads';
import { WorldError } from '../../domain/errors.js';
import type { Engine, LoadedGraph, TensorValue, TensorValues } from '../../model/ports.js';
import type { EngineReply, EngineRequest } from './protocol.js';

interface Waiting {
  readonly resolve: (values: TensorValues) => void;
  readonly reject: (error: Error) => void;
}

type Ask = EngineRequest extends infer Request
  ? Request extends EngineRequest
    ? Omit<Request, 'id'>
    : never
  : never;

/**
 * The side that asks; serve.ts is the other. Values cross to the thread and back by transfer, not by copy, but
 * for parts of a larger buffer. An idle
 * engine does not keep the process alive; one that is waited for does.
 */
export class ThreadEngine implements Engine {
  readonly #runtime: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #requestCount = 0;
  #graphCount = 0;
  #fault: WorldError | undefined;
  #closing: Promise<void> | undefined;

  /** `runtime`: its name, for people. `workerData`: what the thread is told before it starts. */
  constructor(runtime: string, worker: URL, workerData?: unknown) {
    this.#runtime = runtime;
    this.#worker = new Worker(worker, { workerData });
    this.#worker.unref();
    this.#worker.on('message', (reply: EngineReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => {
      this.#fail(
        new WorldError('closed', `The thread of ${this.#runtime} failed: ${String(cause)}`, {
          retryable: false,
          cause,
        }),
      );
    });
    this.#worker.on('exit', () => {
      this.#fail(new WorldError('closed', 'The network engine is closed.', { retryable: false }));
    });
  }

  async load(onnxBytes: Uint8Array): Promise<LoadedGraph> {
    this.#graphCount += 1;
    const graph = this.#graphCount;
    // A copy of exact size: the bytes may be a view of a file's buffer.
    const bytes = Uint8Array.from(onnxBytes);
    await this.#ask({ ask: 'load', graph, bytes }, [bytes.buffer]);
    return {
      run: (given) => {
        const feeds = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, whole(value)]));
        const buffers = Object.values(feeds).map(({ data }) => data.buffer as ArrayBuffer);
        return this.#ask({ ask: 'run', graph, feeds }, [...new Set(buffers)]);
      },
      close: async () => {
        if (!this.#fault && !this.#closing) await this.#ask({ ask: 'close', graph }, []);
      },
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#drainAndStop();
    return this.#closing;
  }

  async #drainAndStop(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#fault)
      await new Promise<void>((resolve) => {
        const [first] = this.#waiting.values();
        if (!first) return resolve();
        const [id] = this.#waiting.keys();
        this.#waiting.set(id as number, {
          resolve: (values) => {
            first.resolve(values);
            resolve();
          },
          reject: (error) => {
            first.reject(error);
            resolve();
          },
        });
      });
    await this.#worker.terminate();
  }

  #ask(ask: Ask, transfer: readonly ArrayBuffer[]): Promise<TensorValues> {
    if (this.#fault) return Promise.reject(this.#fault);
    if (this.#closing)
      return Promise.reject(new WorldError('closed', 'The network engine is closed.', { retryable: false }));
    this.#requestCount += 1;
    const id = this.#requestCount;
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...ask, id } as EngineRequest, [...transfer]);
    });
  }

  #settle(reply: EngineReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('error' in reply)
      waiting.reject(
        new WorldError('rejected', `${this.#runtime} refused: ${reply.error}`, { retryable: false }),
      );
    else waiting.resolve(reply.values);
  }

  #fail(fault: WorldError): void {
    this.#fault ??= fault;
    for (const { reject } of this.#waiting.values()) reject(this.#fault);
    this.#waiting.clear();
  }
}

/** A transfer takes the whole buffer, so a part of one goes as a copy. */
function whole(value: TensorValue): TensorValue {
  const { data } = value;
  return data.byteLength === data.buffer.byteLength ? value : { ...value, data: data.slice() };
}
