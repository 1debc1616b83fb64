/**
 * Where trained networks are: `<model.dir>/<machine type>/<version>/`, and beside the versions a file `current` that names
 * the one in use for failures, and `current-values` the one for values.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../domain/errors.js';

/** What a network forecasts. */
export type ForecastKind = 'failures' | 'values';

const pointers: Readonly<Record<ForecastKind, string>> = { failures: 'current', values: 'current-values' };

export function versionsFolder(modelDir: string, type: string): string {
  return join(modelDir, type);
}

export function versionFolder(modelDir: string, type: string, version: string): string {
  return join(versionsFolder(modelDir, type), version);
}

/** Folder of the version in use; undefined when no network was trained for the type yet. */
export async function currentVersionFolder(
  modelDir: string,
  type: string,
  kind: ForecastKind = 'failures',
): Promise<string | undefined> {
  const file = join(versionsFolder(modelDir, type), pointers[kind]);
  let version: string;
  try {
    version = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`cannot read ${file}: ${String(error)}`, { cause: error });
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(version))
    throw new UserError(
      `${file} should hold one model version; it holds "${version.slice(0, 60)}". Train again, or name a folder beside it.`,
    );
  return versionFolder(modelDir, type, version);
}

/** The same, of a type that must have one. */
export async function modelInUse(modelDir: string, type: string): Promise<string> {
  const folder = await currentVersionFolder(modelDir, type);
  if (folder !== undefined) return folder;
  throw new UserError(
    `there is no trained network for machine type ${type}: run \`millwright train\` first, or name a folder with --model`,
  );
}

/** Makes `version` the one in use, in one step: a crash leaves the old or the new. */
export async function setCurrentVersion(
  modelDir: string,
  type: string,
  version: string,
  kind: ForecastKind = 'failures',
): Promise<void> {
  const folder = versionsFolder(modelDir, type);
  await mkdir(folder, { recursive: true });
  // A name of its own: two trainings may end at the same time.
  const written = join(folder, `.current-${randomUUID()}`);
  await writeFile(written, `${version}\n`);
  await rename(written, join(folder, pointers[kind]));
}
