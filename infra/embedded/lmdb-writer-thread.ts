/**
 * The thread that writes an LMDB folder: each message is one transaction, fsynced before the answer. In a thread
 * of its own because a commit takes as long as the disk does, and the event loop has sockets to serve meanwhile.
 * (LMDB's own asynchronous writes also have a thread, but report a full disk as an unhandled rejection.)
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../domain/assert.js';
import { change, readChanges } from './lmdb-batch.js';
import { type CommitFailure, classifyCommitError } from './lmdb-errors.js';
import { type Bytes, openDatabase, openRoot } from './lmdb-open.js';

export type WriterRequest =
  | { readonly kind: 'databases'; readonly names: readonly string[] }
  | { readonly kind: 'commit'; readonly memory: ArrayBuffer; readonly length: number }
  | { readonly kind: 'close' };

/** One answer per request, in order; null: done. */
export type WriterAnswer = CommitFailure | null;

const port = parentPort;
assert(port, 'to run as a worker thread');
const { dir } = workerData as { readonly dir: string };
const root = openRoot(dir, 'read-write');
/** By the numbers that batches use: the order in which they were asked for. */
const databases: Bytes[] = [];

function commit(memory: ArrayBuffer, length: number): void {
  root.transactionSync(() => {
    for (const { kind, database: number, key, value } of readChanges(memory, length)) {
      const database = databases[number];
      assert(database, `database number ${number} to be open`);
      if (kind === change.remove) database.removeSync(key);
      else if (kind === change.append) {
        // The declared type says void, but it tells whether the key was greater than all others.
        const appended: unknown = database.putSync(key, value, { append: true });
        assert(appended === true, 'appended keys to ascend');
      } else database.putSync(key, value);
    }
  });
}

function openDatabases(names: readonly string[]): void {
  // All or none: the other side counts them only when all are open.
  const opened = names.map((name) => {
    const database = openDatabase(root, name, 'create');
    assert(database, `database ${name} to be created`);
    return database;
  });
  databases.push(...opened);
}

async function answer(request: WriterRequest): Promise<WriterAnswer> {
  try {
    if (request.kind === 'commit') commit(request.memory, request.length);
    else if (request.kind === 'databases') openDatabases(request.names);
    else await root.close();
    return null;
  } catch (error) {
    return classifyCommitError(error, dir, request.kind === 'commit' ? request.length : 0);
  }
}

port.on('message', (request: WriterRequest) => {
  void answer(request).then((reply) => {
    port.postMessage(reply);
    if (request.kind === 'close') port.close();
  });
});
