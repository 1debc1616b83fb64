/**
 * Who changed what decides in a plant, when and why: `<model.dir>/audit.jsonl`, a JSON object a line, only ever appended to.
 * An entry is on disk before what it tells of is done. A line that is not whole (a crash, an edit by hand) is passed over and counted.
 */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError, WorldError } from '../../domain/errors.js';

const author = {
  /** Wall clock. */
  timeMs: z.number(),
  /** Person, or user of the computer. */
  by: z.string(),
  /** Command, such as `train`. */
  via: z.string(),
  why: z.string(),
};

/**
 * `add`: was written. `promote`, `rollback`: taken into use. `refuse`: not taken into use, being worse. `retire`: not to be
 * used any more. `remove`: deleted by policy. `shadow`: scores beside what is in use.
 */
const versionEntrySchema = z.object({
  ...author,
  action: z.enum(['add', 'promote', 'rollback', 'refuse', 'retire', 'remove', 'shadow']),
  type: z.string(),
  version: z.string(),
  /** In use until then, of what is taken into use; null: none. */
  before: z.string().nullable().optional(),
});
export type VersionEntry = z.output<typeof versionEntrySchema>;

const ruleSchema = z.object({
  name: z.string(),
  types: z.array(z.string()),
  condition: z.string(),
  severities: z.string(),
  version: z.string(),
});

/** The alert rules that a pipeline found when it started, where they are not those of before. */
const rulesEntrySchema = z.object({
  ...author,
  action: z.literal('rules'),
  /** Of all that follows. */
  hash: z.string(),
  /** What differs from before, in words. */
  changes: z.array(z.string()),
  rules: z.array(ruleSchema),
});
export type RulesEntry = z.output<typeof rulesEntrySchema>;

const entrySchema = z.discriminatedUnion('action', [versionEntrySchema, rulesEntrySchema]);
export type AuditEntry = z.output<typeof entrySchema>;

export interface AuditLog {
  /** Oldest first. */
  readonly entries: readonly AuditEntry[];
  /** Lines that are no entries, from 1. */
  readonly damagedLines: readonly number[];
}

function auditFile(modelDir: string): string {
  return join(modelDir, 'audit.jsonl');
}

export async function readAudit(modelDir: string): Promise<AuditLog> {
  const file = auditFile(modelDir);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { entries: [], damagedLines: [] };
    throw new UserError(`cannot read ${file}: ${String(cause)}`, { cause });
  }
  const entries: AuditEntry[] = [];
  const damagedLines: number[] = [];
  text.split('\n').forEach((line, index) => {
    if (line === '') return;
    const entry = parseEntry(line);
    if (entry) entries.push(entry);
    else damagedLines.push(index + 1);
  });
  return { entries, damagedLines };
}

function parseEntry(line: string): AuditEntry | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** Returns when the entry is on disk; rejects with WorldError where it cannot be. One writer at a time: see `whileLocked`. */
export async function appendAudit(modelDir: string, entry: AuditEntry): Promise<void> {
  const path = auditFile(modelDir);
  try {
    await append(path, JSON.stringify(entry));
  } catch (cause) {
    throw new WorldError('rejected', `cannot write ${path}: ${String(cause)}; nothing was changed`, {
      retryable: true,
      cause,
    });
  }
}

async function append(path: string, line: string): Promise<void> {
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    const last = size === 0 ? '\n' : (await file.read({ position: size - 1, length: 1 })).buffer.toString();
    // After a line that a crash has left unfinished a new one begins.
    await file.appendFile(`${last.startsWith('\n') ? '' : '\n'}${line}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
