import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Why an LMDB file cannot be opened safely, or undefined. LMDB maps the file and trusts it: a cut-off file ends in
 * SIGBUS instead of an error, so its two meta pages are read here first.
 *
 * Offsets from liblmdb's mdb.c (data version 2, as lmdb-js 3.5 builds it): a 24-byte page header, then MDB_meta.
 */
export function findDamage(dir: string): string | undefined {
  const path = join(dir, 'data.mdb');
  if (!existsSync(path)) return 'data.mdb is missing';
  const file = openSync(path, 'r');
  try {
    const fileBytes = fstatSync(file).size;
    const head = Buffer.alloc(metaBytes);
    if (readSync(file, head, 0, metaBytes, 0) < metaBytes) return `data.mdb has only ${fileBytes} bytes`;
    const first = parseMeta(head);
    if (typeof first === 'string') return `the first page of data.mdb ${first}`;
    if (readSync(file, head, 0, metaBytes, first.pageBytes) < metaBytes)
      return `data.mdb has only ${fileBytes} bytes`;
    const second = parseMeta(head);
    if (typeof second === 'string') return `the second page of data.mdb ${second}`;
    const newest = first.transaction > second.transaction ? first : second;
    const wantedBytes = (newest.lastPage + 1) * first.pageBytes;
    if (fileBytes >= wantedBytes) return undefined;
    // Legal when the last pages are free ones; who reads every page in a process of its own finds out.
    return readsWhole(dir)
      ? undefined
      : `data.mdb is cut off: it has ${fileBytes} bytes and should have ${wantedBytes}`;
  } finally {
    closeSync(file);
  }
}

const metaBytes = 176;
const magic = 0xbeefc0de;
const dataVersion = 2;

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
}

/** The meta page, or what is wrong with it. */
function parseMeta(page: Buffer): Meta | string {
  if (page.readUInt32LE(24) !== magic) return 'is not one of LMDB';
  const version = page.readUInt32LE(28) & 0xffff;
  if (version !== dataVersion) return `has LMDB data version ${version}, this program reads ${dataVersion}`;
  const pageBytes = page.readUInt32LE(48);
  if (pageBytes < 256 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0)
    return `says that pages have ${pageBytes} bytes`;
  return {
    pageBytes,
    lastPage: Number(page.readBigUInt64LE(144)),
    transaction: Number(page.readBigUInt64LE(152)),
  };
}

/** Reads every entry of the folder in a child process, which may die of it. Takes seconds per gigabyte. */
export function readsWhole(dir: string): boolean {
  const program = fileURLToPath(new URL('./lmdb-read-all.js', import.meta.url));
  return spawnSync(process.execPath, [program, dir], { stdio: 'ignore' }).status === 0;
}
