/**
 * The thread that answers the reads of one connection, from a folder that its process has open: LMDB lets a thread
 * read whatever the others do, so the event loop of the pipeline only passes bytes on.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../domain/assert.js';
import type { Log } from '../../domain/log.js';
import type { Store } from '../../domain/store.js';
import type { FolderFormat } from './lmdb-folder.js';
import { shareEmbeddedLog } from './log.js';
import {
  answerBytesMax,
  FrameReader,
  failureOf,
  frameOf,
  type Greeting,
  type Head,
  pack,
  type ReadRequest,
  readsVersion,
} from './reads-protocol.js';
import { shareEmbeddedStore } from './store.js';

export interface ReadsThreadData {
  readonly dir: string;
  readonly format: FolderFormat;
}

const readingMethods = {
  log: ['read', 'status', 'committed', 'state'],
  store: ['fleet', 'forecasts', 'steps', 'events', 'alerts', 'alertHistory'],
} as const satisfies { readonly log: readonly (keyof Log)[]; readonly store: readonly (keyof Store)[] };

const port = parentPort;
assert(port, 'to run as a worker thread');
const { dir, format } = workerData as ReadsThreadData;
const opened = format.holds === 'log' ? shareEmbeddedLog(dir) : shareEmbeddedStore(dir);
const calls = new Map<number, AsyncIterator<unknown>>();
const frames = new FrameReader();

async function* itemsOf(method: string, parameters: readonly unknown[]): AsyncGenerator<unknown> {
  assert((readingMethods[format.holds] as readonly string[]).includes(method), `${method} to be for reading`);
  const call = opened[method as keyof typeof opened] as (...parameters: unknown[]) => unknown;
  const result = await call.apply(opened, [...parameters]);
  if (
    typeof result === 'object' &&
    result !== null &&
    (Symbol.asyncIterator in result || Array.isArray(result))
  )
    yield* result as AsyncIterable<unknown> | unknown[];
  else yield result;
}

/** A head, and what comes next of the call. */
async function nextOf(id: number): Promise<readonly Uint8Array[]> {
  const items = calls.get(id);
  const packed: Uint8Array[] = [];
  let head: Head = { isLast: false };
  try {
    for (let bytes = 0; bytes < answerBytesMax; ) {
      const next = await items?.next();
      if (!next || next.done === true) {
        head = { isLast: true };
        break;
      }
      const item = pack(next.value);
      packed.push(item);
      bytes += item.byteLength;
    }
  } catch (error) {
    head = { isLast: true, failure: failureOf(error) };
  }
  if (head.isLast) calls.delete(id);
  return [pack(head), ...packed];
}

async function answer(request: ReadRequest): Promise<void> {
  if (request.kind === 'call') calls.set(request.id, itemsOf(request.method, request.parameters));
  if (request.kind === 'enough') calls.delete(request.id);
  send(await nextOf(request.id));
}

function send(packed: readonly Uint8Array[]): void {
  const frame = frameOf(packed);
  port?.postMessage(frame, [frame.buffer]);
}

/** One after the other, in order. */
let work = Promise.resolve();
/** Bytes from the client; null: it has gone. */
port.on('message', (chunk: Uint8Array | null) => {
  work = work.then(async () => {
    if (chunk === null) {
      port.close();
      await opened.close();
    } else for (const [request] of frames.add(chunk)) await answer(request as ReadRequest);
  });
});
send([pack({ readsVersion, format } satisfies Greeting)]);
