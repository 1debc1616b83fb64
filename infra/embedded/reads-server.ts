import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { FolderFormat } from './lmdb-folder.js';
import { failureOf, frameOf, pack } from './reads-protocol.js';
import type { ReadsThreadData } from './reads-thread.js';

/** sun_path of unix(7) holds 108 bytes, of macOS 104. */
const pathBytesMax = 100;
/** Each has a thread of its own; who comes later is turned away and tries again. */
const connectionsMax = 8;

/** Answers the reads of other processes from a folder that this one has open. */
export interface ReadsServer {
  readonly address: string;
  /** Ends reads under way. Resolves when no thread uses the folder any more. */
  close(): Promise<void>;
}

/** null: it cannot listen anywhere, say in a file system without sockets and with a temporary folder far away. */
export async function serveReads(dir: string, format: FolderFormat): Promise<ReadsServer | null> {
  for (const address of addressesFor(dir)) {
    const server = await listen(address);
    if (server) return new ThreadedServer(address, server, { dir, format });
  }
  return null;
}

/** In the folder itself if the path is short enough: who may read the folder finds it there, from another container too. */
function addressesFor(dir: string): string[] {
  const name = `millwright-${randomBytes(8).toString('hex')}`;
  if (platform() === 'win32') return [`\\\\.\\pipe\\${name}`];
  return [join(dir, 'reads.sock'), join(tmpdir(), `${name}.sock`)].filter(
    (path) => Buffer.byteLength(path) <= pathBytesMax,
  );
}

async function listen(address: string): Promise<Server | undefined> {
  const server = createServer();
  server.maxConnections = connectionsMax;
  const isFile = platform() !== 'win32';
  try {
    // One that was left by a process that was killed: the lock says that the folder is ours.
    if (isFile) rmSync(address, { force: true });
    server.listen(address);
    await once(server, 'listening');
    if (isFile) chmodSync(address, 0o600);
    return server;
  } catch {
    server.close();
    return undefined;
  }
}

class ThreadedServer implements ReadsServer {
  readonly address: string;
  readonly #server: Server;
  readonly #data: ReadsThreadData;
  readonly #sockets = new Set<Socket>();
  readonly #threadEnds = new Set<Promise<void>>();

  constructor(address: string, server: Server, data: ReadsThreadData) {
    this.address = address;
    this.#server = server;
    this.#data = data;
    // Who reads does not keep the process alive.
    server.unref();
    // A connection that cannot be accepted is the reader's trouble only.
    server.on('error', () => {});
    server.on('connection', (socket) => this.#serve(socket));
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#threadEnds);
  }

  /** Passes on what the client asks and the thread answers. */
  #serve(socket: Socket): void {
    const thread = new Worker(new URL('./reads-thread.js', import.meta.url), { workerData: this.#data });
    const threadEnd = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    socket.unref();
    thread.unref();
    this.#sockets.add(socket);
    this.#threadEnds.add(threadEnd);
    socket.on('data', (chunk) => thread.postMessage(chunk));
    // 'close' follows.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      // Not terminated: it may be within a transaction, whose pages would never be used again.
      thread.postMessage(null);
      thread.ref();
    });
    thread.on('message', (frame: Uint8Array) => socket.write(frame));
    // A failure of the thread itself answers what the client waits for.
    thread.on('error', (error) => {
      if (!socket.destroyed) socket.write(frameOf([pack({ isLast: true, failure: failureOf(error) })]));
    });
    void threadEnd.then(() => {
      this.#threadEnds.delete(threadEnd);
      socket.destroySoon();
    });
  }
}
