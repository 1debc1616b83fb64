import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WorldError } from '../../domain/errors.js';

/** What an error says when it crosses from the writer's thread. */
export interface CommitFailure {
  readonly kind: 'disk-full' | 'corrupt' | 'disk-failed';
  readonly message: string;
}

// errno(3) of Linux and macOS, and LMDB's own codes (lmdb.h).
const noSpace = new Set([
  28 /* ENOSPC */, 27 /* EFBIG */, 122 /* EDQUOT, Linux */, 69 /* EDQUOT, macOS */, -30792 /* MDB_MAP_FULL */,
]);
const damaged = new Set([
  -30797 /* MDB_PAGE_NOTFOUND */, -30796 /* MDB_CORRUPTED */, -30794 /* MDB_VERSION_MISMATCH */,
  -30793 /* MDB_INVALID */, -30795 /* MDB_PANIC */, -30779 /* MDB_PROBLEM */,
]);
const inputOutputError = 5;

/**
 * Classifies what LMDB threw while committing `bytes` to `dir`. A write that the disk took only in part reaches
 * us as EIO, so whether the disk is full is found out by trying to write as much to a file beside it.
 */
export function classifyCommitError(error: unknown, dir: string, bytes: number): CommitFailure {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? Number(error.code) : Number.NaN;
  if (noSpace.has(code)) return { kind: 'disk-full', message };
  if (damaged.has(code)) return { kind: 'corrupt', message };
  if (code === inputOutputError && !hasRoomFor(dir, bytes)) return { kind: 'disk-full', message };
  return { kind: 'disk-failed', message };
}

export function commitError(failure: CommitFailure, dir: string): WorldError {
  switch (failure.kind) {
    case 'disk-full':
      return new WorldError(
        'disk-full',
        `the disk of ${dir} is full: free some space; what is not written yet is offered again`,
        { retryable: true, cause: failure.message },
      );
    case 'corrupt':
      return corruptFolder(dir, failure.message);
    case 'disk-failed':
      return new WorldError('unreachable', `the disk of ${dir} refused a write: ${failure.message}`, {
        retryable: true,
        cause: failure.message,
      });
  }
}

export function corruptFolder(dir: string, what: string): WorldError {
  return new WorldError(
    'corrupt',
    `${dir} is damaged: ${what}. Restore the folder from a backup, or move it away and start again with an empty one.`,
    { retryable: false },
  );
}

function hasRoomFor(dir: string, bytes: number): boolean {
  const probe = join(dir, 'room.probe');
  try {
    writeFileSync(probe, new Uint8Array(bytes + 65_536), { flush: true });
    return true;
  } catch {
    // Whatever stops this write stops the commit as well; the caller tells the person about the commit.
    return false;
  } finally {
    rmSync(probe, { force: true });
  }
}
