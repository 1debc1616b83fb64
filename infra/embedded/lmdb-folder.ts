import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError, WorldError } from '../../domain/errors.js';
import { lockFolder } from './folder-lock.js';
import { findDamage } from './lmdb-check.js';
import { corruptFolder } from './lmdb-errors.js';
import { type BytesRoot, openRoot } from './lmdb-open.js';
import { LmdbWriter } from './lmdb-writer.js';

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

export type FolderMode = 'read-write' | 'read-only';

const formatFile = 'format.json';
/** Its name until the database exists: a folder with only this one was left while it was being made. */
const newFormatFile = 'format.json.new';

/**
 * Opens a folder and locks it; read-write makes it if missing. One at a time, readers too: any process that opens an
 * LMDB folder sets the shared transaction number to the one it has read, so that a writer which committed in between
 * goes on from an older snapshot and loses what it had acknowledged (lmdb 3.5.6; measured, see docs/GOTCHAS.md). Throws
 * UserError (missing, holds something else, other version) or WorldError ('locked', 'corrupt').
 */
export function openFolder(path: string, format: FolderFormat, mode: FolderMode): LmdbFolder {
  if (mode === 'read-only' && !existsSync(join(path, formatFile)))
    throw new UserError(
      `there is no ${format.holds} in ${path}: name its folder, or start "millwright run" once`,
    );
  mkdirSync(path, { recursive: true });
  const dir = realpathSync(path);
  const unlock = lockFolder(dir);
  try {
    const isNew = checkFormat(dir, format) === 'new';
    if (isNew) writeFileSync(join(dir, newFormatFile), JSON.stringify(format), { flush: true });
    const damage = isNew ? undefined : findDamage(dir);
    if (damage) throw corruptFolder(dir, damage);
    const root = openOrExplain(dir, mode);
    // Only now, so that a folder with a format always has a database.
    if (isNew) renameSync(join(dir, newFormatFile), join(dir, formatFile));
    const writer = mode === 'read-write' ? new LmdbWriter(dir) : null;
    return {
      dir,
      root,
      writer,
      close: async () => {
        try {
          await writer?.close();
        } finally {
          await root.close().finally(unlock);
        }
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
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
