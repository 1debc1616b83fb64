import { z } from 'zod';
import { type Machine, nameSchema } from './machine-type.js';

/** Deployment config: which machines there are. The first entry whose `match` fits a machine's id counts. */
export const machineEntrySchema = z.strictObject({
  match: z.string().min(1).describe('Machine id, or a pattern with * for any characters, such as "press-*".'),
  type: nameSchema.optional().describe('Machine type; may be left out where the topic has {type}.'),
  site: z.string().optional().describe('Site, unless the topic has {site}.'),
  line: z.string().optional().describe('Line, unless the topic has {line}.'),
  attributes: z.record(z.string(), z.string()).default({}).describe('Static attributes of these machines.'),
});
export type MachineEntry = z.output<typeof machineEntrySchema>;

/** What a topic says about a machine besides its id. */
export interface MachineHint {
  readonly type?: string | undefined;
  readonly site?: string | undefined;
  readonly line?: string | undefined;
}

/** Finds a machine by id; unknown ids give undefined, the topic's words win over the entry's. */
export class MachineDirectory {
  readonly #entries: readonly { readonly pattern: RegExp; readonly entry: MachineEntry }[];
  readonly #found = new Map<string, Machine>();

  constructor(entries: readonly MachineEntry[]) {
    this.#entries = entries.map((entry) => ({ pattern: globPattern(entry.match), entry }));
  }

  find(id: string, hint: MachineHint = {}): Machine | undefined {
    const known = this.#found.get(id);
    if (
      known &&
      (hint.type ?? known.type) === known.type &&
      (hint.site ?? known.site) === known.site &&
      (hint.line ?? known.line) === known.line
    )
      return known;
    const entry = this.#entries.find(({ pattern }) => pattern.test(id))?.entry;
    const type = hint.type ?? entry?.type;
    if (!entry || type === undefined) return undefined;
    const machine: Machine = {
      id,
      type,
      site: hint.site ?? entry.site ?? '',
      line: hint.line ?? entry.line ?? '',
      attributes: entry.attributes,
    };
    // Bounded: ids come from outside. A plant with more machines than this only loses the cache.
    if (this.#found.size < 1_000_000) this.#found.set(id, machine);
    return machine;
  }
}

/** A pattern with * for any characters, as a whole-string regular expression. */
export function globPattern(match: string): RegExp {
  const escaped = match.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`, 's');
}
