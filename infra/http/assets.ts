import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { UserError } from '../../domain/errors.js';

/** One file of the page, held in memory (all of them together are a few hundred kilobytes). */
export interface Asset {
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly contentType: string;
  readonly etag: string;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
};

/** The bundled page by path, such as `/main.js`. UserError where it has not been built. */
export function loadAssets(
  folder: string = fileURLToPath(new URL('../../ui/', import.meta.url)),
): ReadonlyMap<string, Asset> {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw new UserError(`the page is not built: ${folder} is missing. Run: npm run build`, { cause });
  }
  const assets = new Map<string, Asset>();
  for (const name of names) {
    const contentType = contentTypes[extname(name)];
    if (!contentType) continue;
    const body = readFileSync(join(folder, name));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    assets.set(`/${name}`, { body, gzipped: gzipSync(body), contentType, etag });
  }
  if (!assets.has('/index.html'))
    throw new UserError(`the page is not built: ${folder} has no index.html. Run: npm run build`);
  return assets;
}
