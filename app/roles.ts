import { UserError } from '../domain/errors.js';

/** What a process can do. All by default; on Kafka, more processes with the same role share the partitions. */
export const roles = ['ingest', 'stream', 'model', 'alerts', 'store', 'notify', 'page'] as const;
export type Role = (typeof roles)[number];

/** `"ingest,stream"` → the roles; UserError for a word that is none. */
export function parseRoles(text: string): ReadonlySet<Role> {
  const chosen = new Set<Role>();
  for (const word of text.split(',').map((part) => part.trim())) {
    if (!(roles as readonly string[]).includes(word))
      throw new UserError(`unknown role "${word}" in --roles: choose from ${roles.join(', ')}`);
    chosen.add(word as Role);
  }
  return chosen;
}
