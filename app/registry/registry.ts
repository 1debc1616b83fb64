/**
 * The versions of networks that a plant has, and what they are to it. The files `current`, `current-values` and `shadow` of a machine type say
 * which are in use, and which scores beside them (model-folder.ts); the audit log says what the others were, and who changed it. Every change is noted there first; after it, versions that
 * nobody needs any more are removed. What the log has never told of is left alone.
 */
import { readdir, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Clock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { type ReadArtifact, readArtifact } from '../../model/artifact.js';
import { suggestion } from '../config-suggestion.js';
import {
  clearShadow,
  currentVersionFolder,
  type ForecastKind,
  type Pointer,
  setCurrentVersion,
  versionFolder,
  versionsFolder,
} from '../model-folder.js';
import { appendAudit, readAudit, type VersionEntry } from './audit-log.js';
import {
  entriesOfType,
  kindOf,
  predecessorOf,
  type Standing,
  standings,
  type VersionState,
} from './version-history.js';
import { whileLocked } from './while-locked.js';

/** Versions kept for each machine type beside those in use and their predecessors. */
export interface KeptVersions {
  readonly retired: number;
  readonly candidates: number;
}

/** Who changes something, by which command, and why. */
export interface Author {
  readonly by: string;
  readonly via: string;
  readonly why: string;
}

export interface RegisteredVersion {
  readonly type: string;
  readonly version: string;
  readonly kind: ForecastKind;
  readonly state: VersionState;
  /** What made it what it is; undefined: the log does not tell. */
  readonly since: VersionEntry | undefined;
  readonly directory: string;
  readonly artifact: ReadArtifact | undefined;
  /** Why its folder cannot be read, as a sentence; undefined: it can. */
  readonly fault: string | undefined;
}

/** What there is of a machine type. */
interface Seen {
  /** Versions. */
  readonly folders: string[];
  readonly entries: readonly VersionEntry[];
  readonly known: ReadonlyMap<string, Standing>;
  /** Of each kind at most one. */
  readonly inUse: readonly string[];
  readonly shadow: string | undefined;
}

const kinds: readonly ForecastKind[] = ['failures', 'values'];

export class Registry {
  readonly #modelDir: string;
  readonly #keep: KeptVersions;
  readonly #clock: Clock;

  constructor(modelDir: string, keep: KeptVersions, clock: Clock) {
    this.#modelDir = modelDir;
    this.#keep = keep;
    this.#clock = clock;
  }

  /** In use first, then by what the log tells of them, newest first, those that it does not know last. */
  async list(type: string): Promise<RegisteredVersion[]> {
    const seen = await this.#look(type);
    const { folders, known, inUse } = seen;
    const placeOf = (version: string) =>
      inUse.includes(version) ? Infinity : (known.get(version)?.place ?? -1);
    const sorted = folders.sort((a, b) => placeOf(b) - placeOf(a) || (a < b ? -1 : 1));
    return Promise.all(sorted.map((version) => this.#read(type, version, seen)));
  }

  /** The folder of a version that is there. Throws UserError that names those there are. */
  async find(types: Iterable<string>, version: string): Promise<RegisteredVersion> {
    const all: string[] = [];
    for (const type of types) {
      const seen = await this.#look(type);
      if (seen.folders.includes(version)) return this.#read(type, version, seen);
      all.push(...seen.folders);
    }
    throw new UserError(
      all.length === 0
        ? `there is no version "${version}": nothing is trained yet (millwright train)`
        : `there is no version "${version}" in ${this.#modelDir}${suggestion(version, all)}`,
    );
  }

  /** Versions that were just written: candidates. */
  async added(type: string, versions: readonly string[], author: Author): Promise<void> {
    await this.#change(type, async () => {
      for (const version of versions) await this.#note({ ...author, action: 'add', type, version });
    });
  }

  /** Makes a version the one in use of its kind, and gives the one that was; where it is so already, nothing changes. */
  async takeIntoUse(
    type: string,
    version: string,
    author: Author,
    action: 'promote' | 'rollback' = 'promote',
  ): Promise<string | undefined> {
    return this.#change(type, async () => {
      const kind = kindOf(version);
      const before = await this.#inUse(type, kind);
      if (before === version) return before;
      const folder = versionsFolder(this.#modelDir, type);
      if (!(await foldersIn(folder)).includes(version))
        throw new UserError(
          `there is no version "${version}" in ${folder}: it may have been deleted by policy (model.keep)`,
        );
      await this.#note({ ...author, action, type, version, before: before ?? null });
      await setCurrentVersion(this.#modelDir, type, version, kind);
      await this.#endShadow(type, version);
      return before;
    });
  }

  /** A version was judged, and is not taken into use. */
  async refused(type: string, version: string, author: Author): Promise<void> {
    await this.#change(type, () => this.#note({ ...author, action: 'refuse', type, version }));
  }

  /** Throws UserError for what is in use. */
  async retire(type: string, version: string, author: Author): Promise<void> {
    await this.#change(type, async () => {
      if ((await this.#inUse(type, kindOf(version))) === version)
        throw new UserError(
          `${version} is in use for ${type}: promote another version first (millwright model promote), or roll back`,
        );
      await this.#note({ ...author, action: 'retire', type, version });
      await this.#endShadow(type, version);
    });
  }

  /** A version scores beside the one in use from now on, in place of the one that did. Throws UserError for one that cannot. */
  async shadow(type: string, version: string, author: Author): Promise<void> {
    await this.#change(type, async () => {
      if (kindOf(version) === 'values')
        throw new UserError(
          `${version} forecasts values: only networks for failures are scored in the shadow`,
        );
      const current = await this.#inUse(type, 'failures');
      if (current === version)
        throw new UserError(`${version} is in use for ${type}: name one that is to be compared with it`);
      if (current === undefined)
        throw new UserError(`no version is in use for ${type}: there is nothing to be compared with`);
      await this.#note({ ...author, action: 'shadow', type, version });
      await setCurrentVersion(this.#modelDir, type, version, 'shadow');
    });
  }

  /** The version that a rollback would take into use. Throws UserError where there is none. */
  async predecessor(type: string, kind: ForecastKind): Promise<string> {
    const current = await this.#inUse(type, kind);
    const what = kind === 'failures' ? type : `the values of ${type}`;
    if (current === undefined) throw new UserError(`no version is in use for ${what}: nothing to roll back`);
    const { entries, folders } = await this.#look(type);
    const before = predecessorOf(entries, current);
    if (before === undefined)
      throw new UserError(
        `the audit log knows no version that was in use for ${what} before ${current}: name one (millwright model promote VERSION)`,
      );
    if (folders.includes(before)) return before;
    throw new UserError(
      `${before}, in use for ${what} before ${current}, is no longer in ${versionsFolder(this.#modelDir, type)}: restore it, or name another (millwright model promote VERSION)`,
    );
  }

  /** What a gate compares. Throws UserError where one of them is missing. */
  async contenders(type: string): Promise<{ readonly champion: string; readonly shadow: string }> {
    const champion = await this.#inUse(type, 'failures');
    const shadow = await this.#inUse(type, 'shadow');
    if (champion === undefined)
      throw new UserError(`no version is in use for ${type}: train one (millwright train)`);
    if (shadow !== undefined && shadow !== champion) return { champion, shadow };
    throw new UserError(
      `no version scores in the shadow of ${type}: name one first (millwright model shadow VERSION)`,
    );
  }

  async #endShadow(type: string, version: string): Promise<void> {
    if ((await this.#inUse(type, 'shadow')) === version) await clearShadow(this.#modelDir, type);
  }

  async #inUse(type: string, pointer: Pointer): Promise<string | undefined> {
    const folder = await currentVersionFolder(this.#modelDir, type, pointer);
    return folder && basename(folder);
  }

  async #look(type: string): Promise<Seen> {
    const entries = entriesOfType((await readAudit(this.#modelDir)).entries, type);
    const inUse: string[] = [];
    for (const kind of kinds) {
      const version = await this.#inUse(type, kind);
      if (version !== undefined) inUse.push(version);
    }
    return {
      folders: await foldersIn(versionsFolder(this.#modelDir, type)),
      entries,
      known: standings(entries),
      inUse,
      shadow: await this.#inUse(type, 'shadow'),
    };
  }

  async #read(type: string, version: string, seen: Seen): Promise<RegisteredVersion> {
    const directory = versionFolder(this.#modelDir, type, version);
    const about = {
      type,
      version,
      kind: kindOf(version),
      state: stateOf(version, seen),
      since: seen.known.get(version)?.entry,
      directory,
    };
    try {
      return { ...about, artifact: await readArtifact(directory), fault: undefined };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { ...about, artifact: undefined, fault: error.message };
    }
  }

  /** One change at a time; then what is too much is removed. */
  async #change<T>(type: string, change: () => Promise<T>): Promise<T> {
    return whileLocked(this.#modelDir, async () => {
      const result = await change();
      await this.#removeWhatIsTooMuch(type);
      return result;
    });
  }

  async #note(entry: Omit<VersionEntry, 'timeMs'>): Promise<void> {
    await appendAudit(this.#modelDir, { timeMs: this.#clock.nowMs(), ...entry });
  }

  async #removeWhatIsTooMuch(type: string): Promise<void> {
    const seen = await this.#look(type);
    const { folders, entries, known, inUse, shadow } = seen;
    const needed = new Set([
      ...inUse.flatMap((version) => [version, predecessorOf(entries, version)]),
      shadow,
    ]);
    const newestFirst = folders
      .filter((version) => known.has(version) && !needed.has(version))
      .sort((a, b) => (known.get(b) as Standing).place - (known.get(a) as Standing).place);
    const inState = (wanted: VersionState) =>
      newestFirst.filter((version) => stateOf(version, seen) === wanted);
    const rules = [
      ['retired', this.#keep.retired],
      ['candidate', this.#keep.candidates],
    ] as const;
    for (const [state, keptCount] of rules)
      for (const version of inState(state).slice(keptCount)) {
        const why = `more than ${keptCount} versions of ${type} are ${state === 'retired' ? 'retired' : 'candidates'} (model.keep)`;
        await this.#note({ by: 'policy', via: 'model.keep', why, action: 'remove', type, version });
        await rm(versionFolder(this.#modelDir, type, version), { recursive: true, force: true });
      }
  }
}

/** The pointers decide what is in use: what the log calls so beside them was displaced by hand, or never came to it. */
function stateOf(version: string, { known, inUse, shadow }: Seen): VersionState {
  if (inUse.includes(version)) return 'champion';
  if (shadow === version) return 'shadow';
  return known.get(version)?.state === 'retired' ? 'retired' : 'candidate';
}

/** Versions have letters and digits first; what begins with a dot is not finished. */
async function foldersIn(directory: string): Promise<string[]> {
  try {
    const found = await readdir(directory, { withFileTypes: true });
    return found.filter((each) => each.isDirectory() && !each.name.startsWith('.')).map(({ name }) => name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UserError(`cannot read ${directory}: ${String(cause)}`, { cause });
  }
}
