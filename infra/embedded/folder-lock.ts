import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { WorldError } from '../../domain/errors.js';

export type FolderMode = 'read-write' | 'read-only';

/** Who has a folder open. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /**
   * Boot of the computer and start of the process in it, where the system tells (Linux); else ''. A process id
   * alone says little in a container, where every run has the same one.
   */
  readonly started: string;
  readonly mode: FolderMode;
  /**
   * Address at which a writer answers reads: a Unix socket, or a named pipe. null: it could not listen. Absent while it
   * is starting, and of readers: they are soon done.
   */
  readonly readsAddress?: string | null;
}

/** The right to open a folder. */
export interface FolderLock {
  /** Tells other processes where to read. */
  publish(readsAddress: string | null): void;
  unlock(): void;
}

const lockFile = 'writer.lock';
/** Folders that this process has locked: a lock file with our own id but not in here is from an earlier run. */
const lockedHere = new Set<string>();

/** Takes the right to open `dir`, or says who has it. A lock whose process has ended is taken over. */
export function lockFolder(dir: string, mode: FolderMode): FolderLock | Holder {
  const path = join(dir, lockFile);
  const me: Holder = { pid: process.pid, host: hostname(), started: processStart(process.pid), mode };
  for (;;) {
    if (createLock(path, me)) break;
    const holder = readHolder(path);
    if (!holder) continue;
    if (isAlive(holder, dir)) return holder;
    // While somebody else takes it over it is worth another look, as with a reader.
    if (!removeStaleLock(path, holder, me)) return { ...holder, mode: 'read-only' };
  }
  lockedHere.add(dir);
  return {
    publish: (readsAddress) => {
      const draft = writeDraft(path, { ...me, readsAddress });
      renameSync(draft, path);
    },
    unlock: () => {
      if (lockedHere.delete(dir)) rmSync(path, { force: true });
    },
  };
}

export function lockedBy(holder: Holder, dir: string, why: string): WorldError {
  return new WorldError(
    'locked',
    `${dir} is in use by process ${holder.pid} on ${holder.host}: ${why}. If it is not running any more, delete ${join(dir, lockFile)}.`,
    { retryable: true },
  );
}

/** False: there is one already. The file is never seen half written, where the file system has links. */
function createLock(path: string, me: Holder): boolean {
  const draft = writeDraft(path, me);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    return codeOf(error) !== 'EEXIST' && createUnlinked(path, me);
  } finally {
    rmSync(draft, { force: true });
  }
}

function createUnlinked(path: string, me: Holder): boolean {
  try {
    writeFileSync(path, JSON.stringify(me), { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeDraft(path: string, holder: Holder): string {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(holder));
  return draft;
}

/**
 * False: somebody else is at it. Only who has the guard removes a lock, and looks again first: of several that find a
 * lock stale, one that comes late would remove the lock of the one that came first.
 */
function removeStaleLock(path: string, stale: Holder, me: Holder): boolean {
  const guard = `${path}.guard`;
  if (!createLock(guard, me)) {
    const guardian = readHolder(guard);
    // Held for microseconds: left only by a process that was killed in them.
    if (guardian && !isRunning(guardian)) rmSync(guard, { force: true });
    return false;
  }
  try {
    if (JSON.stringify(readHolder(path)) === JSON.stringify(stale)) {
      if (stale.readsAddress) rmSync(stale.readsAddress, { force: true });
      rmSync(path, { force: true });
    }
    return true;
  } finally {
    rmSync(guard, { force: true });
  }
}

/** undefined: the file is gone. One that is torn counts as stale. */
function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) return { pid: 0, host: hostname(), started: 'torn', mode: 'read-only' };
    throw error;
  }
}

function isAlive(holder: Holder, dir: string): boolean {
  if (holder.host === hostname() && holder.pid === process.pid) return lockedHere.has(dir);
  return isRunning(holder);
}

function isRunning(holder: Holder): boolean {
  // Another computer's processes cannot be looked up from here.
  if (holder.host !== hostname()) return true;
  if (holder.started !== '' && processStart(holder.pid) !== holder.started) return false;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** See `Holder.started`. '' where there is no /proc or no such process. */
function processStart(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc_pid_stat(5): field 22 is the start time; fields are counted after the name, which may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${boot}:${fields[19]}`;
  } catch {
    return '';
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
