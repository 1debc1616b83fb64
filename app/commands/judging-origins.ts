/** What a version is judged by after its training: what it has not learned from, or machines that are named. */
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import type { ReadArtifact } from '../../model/artifact.js';
import { type Origin, originsOf } from '../../model/windows.js';
import { isUnseenBy } from '../adoption.js';

/** `named`: `histories` were chosen by the user already. At least one. */
export function judgingOrigins(
  { version, metrics: { seen } }: Pick<ReadArtifact, 'version' | 'metrics'>,
  histories: readonly History[],
  named: boolean,
): readonly Origin[] {
  const all = originsOf(histories);
  if (!named && seen === undefined)
    throw new UserError(
      `${version} does not tell which machines it was trained on: name others with --machines`,
    );
  const origins = named || seen === undefined ? all : all.filter(isUnseenBy(seen));
  if (origins.length > 0) return origins;
  throw new UserError(
    named
      ? 'no day of the machines named has a known future'
      : `${version} has learned from all of this history: name machines with --machines`,
  );
}
