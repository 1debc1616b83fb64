/**
 * Looks at an LMDB file before LMDB does. LMDB maps the file and trusts it: a cut-off file ends in SIGBUS and a
 * page of garbage in SIGSEGV, where a person needs a sentence.
 *
 * Layout from liblmdb's mdb.c (data version 2, 64 bits, as lmdb-js 3.5 builds it): every page begins with a header of
 * 24 bytes (u64 number, u64 transaction, u16 pad, u16 flags, u16 lower, u16 upper); pages 0 and 1 are meta pages.
 */
import { Buffer } from 'node:buffer';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

const headerBytes = 24;
const metaBytes = 160;
const magic = 0xbeefc0de;
const dataVersion = 2;
const pageFlags = { branch: 0x01, leaf: 0x02, overflow: 0x04 } as const;
const nodeFlags = { bigData: 0x01, subData: 0x02 } as const;
const nodeHeadBytes = 8;
/** Pages looked at when a folder is opened: 16 MB, some 20 ms. Trees are walked from the top, so what counts comes first. */
const pagesAtOpen = 4_000;
/** A writer may re-use pages while they are looked at: so often a look that found something is repeated. */
const looksMax = 3;

/**
 * Why the file cannot be opened safely, or undefined. `extent` 'all' reads every page (about a second per gigabyte);
 * at 'open' the first pages of each tree, and all if the file is shorter than it says.
 */
export function findDamage(dir: string, extent: 'open' | 'all' = 'open'): string | undefined {
  const path = join(dir, 'data.mdb');
  if (!existsSync(path)) return 'data.mdb is missing';
  const file = openSync(path, 'r');
  try {
    for (let look = 1; ; look++) {
      const meta = readMeta(file);
      if (typeof meta === 'string') return meta;
      const damage = findDamagedPage(file, meta, extent);
      if (!damage) return undefined;
      const now = readMeta(file);
      // Whoever commits at this moment has the file open and working.
      const changed = typeof now !== 'string' && now.transaction !== meta.transaction;
      if (!changed) return damage;
      if (look === looksMax) return undefined;
    }
  } finally {
    closeSync(file);
  }
}

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
  /** Root pages of the tree of free pages and of the main tree; undefined when empty. */
  readonly roots: readonly (number | undefined)[];
}

/** The newer of the two meta pages, or what is wrong with them. */
function readMeta(file: number): Meta | string {
  const fileBytes = fstatSync(file).size;
  const bytes = Buffer.alloc(metaBytes);
  if (readSync(file, bytes, 0, metaBytes, 0) < metaBytes) return `data.mdb has only ${fileBytes} bytes`;
  const first = parseMeta(bytes);
  if (typeof first === 'string') return `the first page of data.mdb ${first}`;
  if (readSync(file, bytes, 0, metaBytes, first.pageBytes) < metaBytes)
    return `data.mdb has only ${fileBytes} bytes`;
  const second = parseMeta(bytes);
  if (typeof second === 'string') return `the second page of data.mdb ${second}`;
  return first.transaction > second.transaction ? first : second;
}

function parseMeta(page: Buffer): Meta | string {
  if (page.readUInt32LE(24) !== magic) return 'is not one of LMDB';
  const version = page.readUInt32LE(28) & 0xffff;
  if (version !== dataVersion) return `has LMDB data version ${version}, this program reads ${dataVersion}`;
  const pageBytes = page.readUInt32LE(48);
  if (pageBytes < 256 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0)
    return `says that pages have ${pageBytes} bytes`;
  return {
    pageBytes,
    roots: [readRoot(page, 48), readRoot(page, 96)],
    lastPage: Number(page.readBigUInt64LE(144)),
    transaction: Number(page.readBigUInt64LE(152)),
  };
}

/** MDB_db: 48 bytes, the root page last; all ones when the tree is empty. */
function readRoot(bytes: Buffer, at: number): number | undefined {
  const root = bytes.readBigUInt64LE(at + 40);
  return root === 0xffff_ffff_ffff_ffffn ? undefined : Number(root);
}

/** Walks the trees breadth first. */
function findDamagedPage(file: number, meta: Meta, extent: 'open' | 'all'): string | undefined {
  const { pageBytes } = meta;
  const fileBytes = fstatSync(file).size;
  const wantedBytes = (meta.lastPage + 1) * pageBytes;
  // A shorter file is legal when the pages it lacks are free ones: only a full walk tells.
  const pagesMax = extent === 'all' || fileBytes < wantedBytes ? Infinity : pagesAtOpen;
  const page = Buffer.alloc(pageBytes);
  let level: PageReference[] = meta.roots
    .filter((root) => root !== undefined)
    .map((root) => ({ page: root, kind: 'tree' }));
  for (let pageCount = 0; level.length > 0; ) {
    const next: PageReference[] = [];
    for (const reference of level) {
      if (++pageCount > pagesMax) return undefined;
      const bytesRead = readSync(file, page, 0, pageBytes, reference.page * pageBytes);
      if (bytesRead < pageBytes)
        return `data.mdb is cut off: it has ${fileBytes} bytes and should have ${wantedBytes}`;
      if (
        !isSound(page, reference, fileBytes) ||
        (reference.kind === 'tree' && !addChildren(page, meta, next))
      )
        return `page ${reference.page} of data.mdb holds something else than it should`;
    }
    level = next;
  }
  return undefined;
}

interface PageReference {
  readonly page: number;
  readonly kind: 'tree' | 'overflow';
}

function isSound(page: Buffer, { page: number, kind }: PageReference, fileBytes: number): boolean {
  if (Number(page.readBigUInt64LE(0)) !== number) return false;
  const flags = page.readUInt16LE(18) & 0x0f;
  if (kind === 'tree') return flags === pageFlags.branch || flags === pageFlags.leaf;
  // Lower and upper of an overflow page are how many pages it has.
  return flags === pageFlags.overflow && (number + page.readUInt32LE(20)) * page.length <= fileBytes;
}

/** Adds the pages that the nodes of a tree page refer to; false when the page makes no sense. */
function addChildren(page: Buffer, { lastPage }: Meta, found: PageReference[]): boolean {
  const isBranch = (page.readUInt16LE(18) & pageFlags.branch) !== 0;
  const nodeCount = page.readUInt16LE(20) >> 1;
  if (headerBytes + 2 * nodeCount > page.length) return false;
  for (let i = 0; i < nodeCount; i++) {
    const at = headerBytes + page.readUInt16LE(headerBytes + 2 * i);
    if (at + nodeHeadBytes > page.length) return false;
    const flags = page.readUInt16LE(at + 4);
    const dataAt = at + nodeHeadBytes + page.readUInt16LE(at + 6);
    if (dataAt > page.length) return false;
    let child: number | undefined;
    if (isBranch) child = page.readUInt32LE(at) + flags * 2 ** 32;
    else if (flags & nodeFlags.bigData) {
      if (dataAt + 8 > page.length) return false;
      child = Number(page.readBigUInt64LE(dataAt));
    } else if (flags & nodeFlags.subData) {
      if (dataAt + 48 > page.length) return false;
      child = readRoot(page, dataAt);
    } else if (dataAt + page.readUInt32LE(at) > page.length) return false;
    if (child === undefined) continue;
    if (child < 2 || child > lastPage) return false;
    found.push({ page: child, kind: !isBranch && flags & nodeFlags.bigData ? 'overflow' : 'tree' });
  }
  return true;
}
