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

/** Values are copied out of LMDB's memory into pieces of this size; those over a quarter of it get their own. */
const pieceBytes = 65_536;
let piece = Buffer.allocUnsafeSlow(pieceBytes);
let pieceUsedBytes = 0;

/**
 * What lmdb-js does itself for 'binary' is a piece of memory for each value: for values of some hundred bytes that
 * costs more than all the rest of reading, and as much again when it is collected.
 */
const valueCopier = {
  encode: (value: Buffer) => value,
  /** `bytes` is lmdb-js's own memory, used again for the next value; it has set `length` to that of the value. */
  decode: (bytes: Buffer): Buffer => {
    const { length } = bytes;
    if (length > pieceBytes / 4) return copyInto(Buffer.allocUnsafeSlow(length), 0, bytes, length);
    if (pieceUsedBytes + length > pieceBytes) {
      piece = Buffer.allocUnsafeSlow(pieceBytes);
      pieceUsedBytes = 0;
    }
    const value = copyInto(piece, pieceUsedBytes, bytes, length);
    pieceUsedBytes += length;
    return value;
  },
};

function copyInto(memory: Buffer, at: number, bytes: Buffer, length: number): Buffer {
  // A view first: the memory itself is longer than its `length` says.
  memory.set(new Uint8Array(bytes.buffer, bytes.byteOffset, length), at);
  return memory.subarray(at, at + length);
}

/** A database of the folder; undefined when it is not there and is not to be created. */
export function openDatabase(root: BytesRoot, name: string, missing?: 'create'): Bytes | undefined {
  // lmdb-js takes an encoder here that its declared types do not know; it is used for reading and writing.
  const encoding = { encoding: 'binary', keyEncoding: 'binary', encoder: valueCopier } as const;
  const options = { name, create: missing === 'create', ...encoding };
  return root.openDB<Buffer, Uint8Array>(options);
}
