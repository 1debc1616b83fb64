/** What the audit log tells of the versions of a machine type; what is in use, and in the shadow, only files beside them tell. */
import { isValueVersion } from '../../model/values/value-preprocessing.js';
import type { ForecastKind } from '../model-folder.js';
import type { AuditEntry, VersionEntry } from './audit-log.js';

export type VersionState = 'candidate' | 'shadow' | 'champion' | 'retired';

export function kindOf(version: string): ForecastKind {
  return isValueVersion(version) ? 'values' : 'failures';
}

/** Oldest first. */
export function entriesOfType(entries: readonly AuditEntry[], type: string): VersionEntry[] {
  return entries.flatMap((entry) => (entry.action !== 'rules' && entry.type === type ? [entry] : []));
}

/** The entry that made a version what it is, as the log has it, and where in the log that is. */
export interface Standing {
  readonly state: VersionState;
  readonly entry: VersionEntry;
  readonly place: number;
}

/** By version. What has been written again after its removal is a candidate again. */
export function standings(entries: readonly VersionEntry[]): ReadonlyMap<string, Standing> {
  const found = new Map<string, Standing>();
  entries.forEach((entry, place) => {
    const { action, version, before } = entry;
    if (action === 'promote' || action === 'rollback') {
      if (typeof before === 'string') found.set(before, { state: 'retired', entry, place });
      found.set(version, { state: 'champion', entry, place });
    } else if (action === 'retire' || action === 'remove')
      found.set(version, { state: 'retired', entry, place });
    // Training again can give a version that is there already: it stays what it is.
    else if (
      action === 'refuse' ||
      action === 'shadow' ||
      !found.has(version) ||
      found.get(version)?.entry.action === 'remove'
    )
      found.set(version, { state: 'candidate', entry, place });
  });
  return found;
}

/**
 * What `current` took the place of when it was promoted: where a rollback goes to. A rollback is no promotion, so that the next one goes further back.
 * Of a version that the log does not know (`current` was written by hand) the last one in use that it knows. undefined: none.
 */
export function predecessorOf(entries: readonly VersionEntry[], current: string): string | undefined {
  const uses = entries.filter(
    ({ action, version }) =>
      (action === 'promote' || action === 'rollback') && kindOf(version) === kindOf(current),
  );
  const promoted = uses.findLast(({ action, version }) => action === 'promote' && version === current);
  if (promoted) return promoted.before ?? undefined;
  return uses.some(({ version }) => version === current) ? undefined : uses.at(-1)?.version;
}
