import { open, rename } from 'node:fs/promises';

/** Returns when the content is on disk. */
export async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** As writeDurably, in one step: whoever reads meanwhile, or after a crash, finds the old content or the new. */
export async function replaceDurably(path: string, content: Uint8Array | string): Promise<void> {
  await writeDurably(`${path}.new`, content);
  await rename(`${path}.new`, path);
}
