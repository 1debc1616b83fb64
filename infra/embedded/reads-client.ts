import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { UserError, WorldError } from '../../domain/errors.js';
import { type Holder, lockedBy } from './folder-lock.js';
import type { FolderFormat } from './lmdb-folder.js';
import {
  errorOf,
  FrameReader,
  frameOf,
  type Greeting,
  type Head,
  pack,
  type ReadRequest,
  readsVersion,
} from './reads-protocol.js';

/** A process that does not answer for so long hangs, or was stopped by a debugger or a signal. */
const answerMsMax = 60_000;

interface Waiting {
  resolve(values: readonly unknown[]): void;
  reject(error: unknown): void;
}

/** Reads a folder through the process that has it open. */
export class ReadsClient {
  readonly dir: string;
  readonly #socket: Socket;
  /** Answers come in the order of requests; the greeting is the first. */
  readonly #waiting: Waiting[] = [];
  #callCount = 0;
  /** Why nothing can be asked any more. */
  #gone: Error | null = null;

  /**
   * undefined: nobody listens at this address now. Throws UserError when the other process is of a version that this
   * one does not understand, WorldError when it may not be asked or does not answer.
   */
  static async connect(
    address: string,
    dir: string,
    holder: Holder,
    format: FolderFormat,
  ): Promise<ReadsClient | undefined> {
    const socket = createConnection(address);
    try {
      await once(socket, 'connect');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EACCES' && code !== 'EPERM') return undefined;
      throw new WorldError(
        'unauthorized',
        `process ${holder.pid} has ${dir} open and belongs to another user: run this as that user`,
        { retryable: false, cause: error },
      );
    }
    const client = new ReadsClient(socket, dir, holder);
    try {
      const [greeting] = await client.#answer();
      checkVersion(greeting as Greeting | Head, client, format);
      return client;
    } catch (error) {
      client.close();
      // Turned away, or it has just ended.
      if (error instanceof WorldError && error.code === 'unreachable') return undefined;
      throw error;
    }
  }

  private constructor(socket: Socket, dir: string, holder: Holder) {
    this.dir = dir;
    this.#socket = socket;
    const frames = new FrameReader();
    socket.on('data', (chunk) => {
      try {
        for (const values of frames.add(chunk)) this.#waiting.shift()?.resolve(values);
      } catch (error) {
        socket.destroy(error as Error);
      }
      this.#rest();
    });
    socket.on('timeout', () =>
      this.#end(lockedBy(holder, dir, `it has not answered for ${answerMsMax / 1_000} s`)),
    );
    socket.on('error', () => {});
    socket.on('close', () =>
      this.#end(
        new WorldError(
          'unreachable',
          `process ${holder.pid} on ${holder.host}, which has ${dir} open, ended while it was read: try again`,
          { retryable: true },
        ),
      ),
    );
  }

  /** What a reading method of the log or the store gives, item by item. */
  async *items(method: string, ...parameters: readonly unknown[]): AsyncGenerator<unknown> {
    const id = this.#callCount++;
    let answer: Promise<readonly unknown[]> | null = this.#ask({ kind: 'call', id, method, parameters });
    try {
      while (answer) {
        const [first, ...items] = await answer;
        const { isLast, failure } = first as Head;
        // The next ones come while these are used.
        answer = isLast ? null : this.#ask({ kind: 'more', id });
        answer?.catch(() => {});
        yield* items;
        if (failure) throw errorOf(failure);
      }
    } finally {
      if (answer) this.#ask({ kind: 'enough', id }).catch(() => {});
    }
  }

  async list(method: string, ...parameters: readonly unknown[]): Promise<unknown[]> {
    const found: unknown[] = [];
    for await (const item of this.items(method, ...parameters)) found.push(item);
    return found;
  }

  close(): void {
    this.#end(new WorldError('closed', `${this.dir} is closed`, { retryable: false }));
  }

  #ask(request: ReadRequest): Promise<readonly unknown[]> {
    if (this.#gone) return Promise.reject(this.#gone);
    this.#socket.write(frameOf([pack(request)]));
    return this.#answer();
  }

  #answer(): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.setTimeout(answerMsMax).ref();
    });
  }

  /** Who waits for nothing does not keep the process alive. */
  #rest(): void {
    if (this.#waiting.length === 0) this.#socket.setTimeout(0).unref();
  }

  #end(reason: Error): void {
    this.#gone ??= reason;
    this.#socket.destroy();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#gone);
  }
}

function checkVersion(greeting: Greeting | Head, client: ReadsClient, format: FolderFormat): void {
  // The thread that was to answer has failed.
  if ('isLast' in greeting) throw greeting.failure ? errorOf(greeting.failure) : new Error('no greeting');
  if (greeting.readsVersion === readsVersion && greeting.format.version === format.version) return;
  throw new UserError(
    `${client.dir} is open in another version of millwright (it answers reads in version ${greeting.readsVersion}, ` +
      `format ${greeting.format.version}; this one wants ${readsVersion}, ${format.version}): use that version, or stop it first`,
  );
}
