/**
 * A file of finished trials, a JSON line each, so that a search that was broken off does not begin anew. The first line tells
 * what they are about; a journal of anything else is refused.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { UserError } from '../../domain/errors.js';

export interface Journal<Entry> {
  /** What was there when it was opened. */
  readonly entries: readonly Entry[];
  /** Returns when the entry is on disk. */
  add(entry: Entry): Promise<void>;
}

/** `about`: everything that must be the same for old entries to count. Without a file nothing is kept. */
export async function openJournal<Entry>(file: string | undefined, about: unknown): Promise<Journal<Entry>> {
  if (file === undefined) return { entries: [], add: async () => {} };
  const head = JSON.stringify({
    millwright: 'trials',
    about: createHash('sha256').update(JSON.stringify(about)).digest('hex'),
  });
  const append = async (line: string): Promise<void> => {
    const handle = await open(file, 'a');
    try {
      await handle.appendFile(`${line}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (text === '') await append(head);
  // A line that is not whole was cut off by a crash: its trial is done again.
  else if (!text.endsWith('\n')) await append('');
  const [first, ...lines] = text.split('\n').filter((line) => line !== '');
  if (first !== undefined && first !== head)
    throw new UserError(
      `${file} holds ${first.startsWith('{"millwright":"trials"') ? 'trials on other data or of other settings' : 'something else than trials'}: name another file, or remove it`,
    );
  return {
    entries: lines.flatMap((line): Entry[] => {
      try {
        return [JSON.parse(line) as Entry];
      } catch {
        return [];
      }
    }),
    add: (entry) => append(JSON.stringify(entry)),
  };
}
