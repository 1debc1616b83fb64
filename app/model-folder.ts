/**
 * Where trained networks are: `<model.dir>/<machine type>/<version>/`, and beside the versions a file `current` that names
 * the one in use for failures, `current-values` the one for values, and `shadow` the challenger for failures, if there is one.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../domain/errors.js';

/** What a network forecasts. */
export type ForecastKind = 'failures' | 'values';

/** What a file beside the versions names: what is in use for a kind, or the challenger. */
export type Pointer = ForecastKind | 'shadow';

const pointers: Readonly<Record<Pointer, string>> = {
  failures: 'current',
  values: 'current-values',
  shadow: 'shadow',
};

export function versionsFolder(modelDir: string, type: string): string {
  return join(modelDir, type);
}

export function versionFolder(modelDir: string, type: string, version: string): string {
  return join(versionsFolder(modelDir, type), version);
}

/** Folder of the version that a pointer names; undefined: it names none (no network was trained for the type yet). */
export async function currentVersionFolder(
  modelDir: string,
  type: string,
  pointer: Pointer = 'failures',
): Promise<string | undefined> {
  const file = join(versionsFolder(modelDir, type), pointers[pointer]);
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
  pointer: Pointer = 'failures',
): Promise<void> {
  const folder = versionsFolder(modelDir, type);
  await mkdir(folder, { recursive: true });
  // A name of its own: two trainings may end at the same time.
  const written = join(folder, `.current-${randomUUID()}`);
  await writeFile(written, `${version}\n`);
  await rename(written, join(folder, pointers[pointer]));
}

/** The type has no challenger any more. */
export async function clearShadow(modelDir: string, type: string): Promise<void> {
  await rm(join(versionsFolder(modelDir, type), pointers.shadow), { force: true });
}
