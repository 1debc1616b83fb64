import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { WorldError } from '../../domain/errors.js';

/** Who has a folder open. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /**
   * Boot of the computer and start of the process in it, where the system tells (Linux); else ''. A process id
   * alone says little in a container, where every run has the same one.
   */
  readonly started: string;
}

const lockFile = 'writer.lock';
/** Folders that this process has locked: a lock file with our own id but not in here is from an earlier run. */
const lockedHere = new Set<string>();

/**
 * Takes the right to open `dir`; returns how to give it back. A lock whose process has ended is taken over.
 * Throws WorldError 'locked' with the process that holds it.
 */
export function lockFolder(dir: string): () => void {
  const path = join(dir, lockFile);
  const me: Holder = { pid: process.pid, host: hostname(), started: processStart(process.pid) };
  // Two tries: a stale lock is removed once; who loses the race for it finds a living holder.
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(me), { flag: 'wx' });
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = readHolder(path);
    if (attempt > 0 || (holder && isAlive(holder, dir))) throw locked(dir, path, holder);
    rmSync(path, { force: true });
  }
  lockedHere.add(dir);
  return () => {
    if (lockedHere.delete(dir)) rmSync(path, { force: true });
  };
}

function locked(dir: string, path: string, holder: Holder | undefined): WorldError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
  return new WorldError(
    'locked',
    `${dir} is in use by ${who}: stop that process first, or ask the plant's page (/api/v1/ledger, /api/v1/fleet). If it is not running any more, delete ${path}.`,
    { retryable: false },
  );
}

/** undefined: the file is gone or was torn while it was written. */
function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder, dir: string): boolean {
  // Another computer's processes cannot be looked up from here.
  if (holder.host !== hostname()) return true;
  if (holder.pid === process.pid) return lockedHere.has(dir);
  if (holder.started !== '' && processStart(holder.pid) !== holder.started) return false;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
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
