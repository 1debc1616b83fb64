import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../domain/errors.js';
import { lockedBy, lockFolder } from '../../infra/embedded/folder-lock.js';

const lookEveryMs = 50;
/** Changes take milliseconds, unless many versions are removed. */
const patienceMs = 10_000;

/**
 * Runs `change` while nobody else changes what is in `modelDir`. Rejects with WorldError `locked` when somebody else has been at
 * it for ten seconds, with UserError where the folder cannot be written.
 */
export async function whileLocked<T>(modelDir: string, change: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
    const lock = await tryLock(modelDir);
    if ('unlock' in lock) {
      try {
        return await change();
      } finally {
        lock.unlock();
      }
    }
    if (waitedMs >= patienceMs) throw lockedBy(lock, modelDir, 'it changes the versions there');
    await sleep(lookEveryMs);
  }
}

async function tryLock(modelDir: string): Promise<ReturnType<typeof lockFolder>> {
  try {
    await mkdir(modelDir, { recursive: true });
    return lockFolder(modelDir, 'read-write');
  } catch (cause) {
    throw new UserError(`cannot write in ${modelDir} (model.dir): ${String(cause)}`, { cause });
  }
}
