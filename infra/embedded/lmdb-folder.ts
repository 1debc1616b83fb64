import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError, WorldError } from '../../domain/errors.js';
import { type FolderLock, type FolderMode, type Holder, lockedBy, lockFolder } from './folder-lock.js';
import { findDamage } from './lmdb-check.js';
import { corruptFolder } from './lmdb-errors.js';
import { type BytesRoot, openRoot } from './lmdb-open.js';
import { LmdbWriter } from './lmdb-writer.js';
import { ReadsClient } from './reads-client.js';
import { serveReads } from './reads-server.js';

export interface FolderFormat {
  /** What lives in the folder: 'log' or 'store'. */
  readonly holds: 'log' | 'store';
  readonly version: number;
}

/** An LMDB folder of ours, open in this process. */
export interface LmdbFolder {
  readonly dir: string;
  /** For reading, in this thread. */
  readonly root: BytesRoot;
  /** null when read-only. */
  readonly writer: LmdbWriter | null;
  /** Closes writer and root and gives back the lock; the caller has stopped using them. */
  close(): Promise<void>;
}

const formatFile = 'format.json';
/** Its name until the database exists: a folder with only this one was left while it was being made. */
const newFormatFile = 'format.json.new';
/** How long it is waited for a reader to be done, or a writer to be ready. */
const waitMsMax = 10_000;
const lookAgainMs = 50;

/**
 * Opens a folder and locks it; read-write makes it if missing. Only one process may: any that opens an LMDB folder, also
 * for reading, sets the shared transaction number to the one it has read, so that a writer which committed in between
 * goes on from an older snapshot and loses what it had acknowledged (lmdb 3.5.6; measured, see docs/GOTCHAS.md). So who
 * wants to read while another process writes gets a connection to that process. Throws UserError (missing, holds
 * something else, other version) or WorldError ('locked', 'corrupt', 'unauthorized').
 */
export async function openFolder(
  path: string,
  format: FolderFormat,
  mode: FolderMode,
): Promise<LmdbFolder | ReadsClient> {
  if (mode === 'read-only' && !existsSync(join(path, formatFile)))
    throw new UserError(
      `there is no ${format.holds} in ${path}: name its folder, or start "millwright run" once`,
    );
  mkdirSync(path, { recursive: true });
  const dir = realpathSync(path);
  for (const untilMs = performance.now() + waitMsMax; ; await sleep(lookAgainMs)) {
    const lock = lockFolder(dir, mode);
    if ('unlock' in lock) return openLocked(dir, format, mode, lock);
    if (mode === 'read-only' && typeof lock.readsAddress === 'string') {
      const reads = await ReadsClient.connect(lock.readsAddress, dir, lock, format);
      if (reads) return reads;
    }
    const hope = whyWait(lock, mode);
    if (hope === undefined || performance.now() > untilMs)
      throw lockedBy(lock, dir, hope ?? 'stop that process first');
  }
}

/** Readers end by themselves, and a writer that starts can soon be asked. undefined: waiting does not help. */
function whyWait(holder: Holder, mode: FolderMode): string | undefined {
  if (holder.mode === 'read-only') return 'it reads; try again when it has ended';
  const canBeAsked = holder.mode === 'read-write' && holder.readsAddress !== null;
  return mode === 'read-only' && canBeAsked ? 'it does not answer yet; try again' : undefined;
}

async function openLocked(
  dir: string,
  format: FolderFormat,
  mode: FolderMode,
  lock: FolderLock,
): Promise<LmdbFolder> {
  try {
    const isNew = checkFormat(dir, format) === 'new';
    if (isNew) writeFileSync(join(dir, newFormatFile), JSON.stringify(format), { flush: true });
    const damage = isNew ? undefined : findDamage(dir);
    if (damage) throw corruptFolder(dir, damage);
    const root = openOrExplain(dir, mode);
    // Only now, so that a folder with a format always has a database.
    if (isNew) renameSync(join(dir, newFormatFile), join(dir, formatFile));
    if (mode === 'read-only')
      return { dir, root, writer: null, close: () => root.close().finally(lock.unlock) };
    const writer = new LmdbWriter(dir);
    const reads = await serveReads(dir, format);
    lock.publish(reads?.address ?? null);
    return {
      dir,
      root,
      writer,
      close: async () => {
        try {
          await reads?.close();
          await writer.close();
        } finally {
          await root.close().finally(lock.unlock);
        }
      },
    };
  } catch (error) {
    lock.unlock();
    throw error;
  }
}

/** For reading in another thread of the process that has opened the folder. */
export function shareFolder(dir: string): LmdbFolder {
  // As the others of the process have it: databases are opened under LMDB's lock, which a read-only root does without.
  const root = openRoot(dir, 'read-write');
  return { dir, root, writer: null, close: () => root.close() };
}

function checkFormat(dir: string, format: FolderFormat): 'new' | 'ours' {
  const path = join(dir, formatFile);
  if (!existsSync(path)) {
    if (existsSync(join(dir, 'data.mdb')) && !existsSync(join(dir, newFormatFile)))
      throw new UserError(
        `${dir} holds an LMDB database that is not ours (no ${formatFile}): use another folder`,
      );
    return 'new';
  }
  let found: Partial<FolderFormat>;
  try {
    found = JSON.parse(readFileSync(path, 'utf8')) as Partial<FolderFormat>;
  } catch {
    throw corruptFolder(dir, `${formatFile} cannot be read`);
  }
  if (found.holds !== format.holds)
    throw new UserError(`${dir} holds a ${found.holds}, not a ${format.holds}: use another folder`);
  if (found.version !== format.version)
    throw new UserError(
      `the ${format.holds} in ${dir} has format ${found.version}, this version of millwright reads format ` +
        `${format.version}: use the version that wrote it, or start with another folder`,
    );
  return 'ours';
}

function openOrExplain(dir: string, mode: FolderMode): BytesRoot {
  try {
    return openRoot(dir, mode);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (/MDB_|not an LMDB/.test(message)) throw corruptFolder(dir, message);
    throw new WorldError('unreachable', `${dir} cannot be opened: ${message}`, {
      retryable: false,
      cause: error,
    });
  }
}
