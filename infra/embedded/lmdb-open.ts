import { type Database, open, type RootDatabase } from 'lmdb';

/** Databases that one folder can hold; each partition of the log is one. */
export const databasesMax = 1_000;
/** Address space that is mapped at first; LMDB maps more when the file outgrows it. */
const mapBytesFirst = 2 ** 36;

export type Bytes = Database<Buffer, Uint8Array>;
export type BytesRoot = RootDatabase<Buffer, Uint8Array>;

/**
 * Opens the LMDB environment of a folder, in whichever thread. A commit returns after fsync (`overlappingSync`
 * would return before and repair after a power loss).
 */
export function openRoot(dir: string, mode: 'read-write' | 'read-only'): BytesRoot {
  return open<Buffer, Uint8Array>({
    path: dir,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    noMemInit: true,
    maxDbs: databasesMax,
    mapSize: mapBytesFirst,
    readOnly: mode === 'read-only',
  });
}

/** A database of the folder; undefined when read-only and not there. */
export function openDatabase(root: BytesRoot, name: string): Bytes | undefined {
  return root.openDB<Buffer, Uint8Array>({ name, encoding: 'binary', keyEncoding: 'binary' });
}
