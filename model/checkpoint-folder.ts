/**
 * A folder for one training that is under way:
 *
 *   checkpoint.json        what it can go on from
 *   training-log.jsonl     a line per validation up to there, as the artifact will have them
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, type CheckpointStore, decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import { replaceDurably } from './durable-file.js';

export function checkpointFolder(directory: string): CheckpointStore {
  const file = join(directory, 'checkpoint.json');
  return {
    load: async () => {
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
      return decodeCheckpoint(text, file);
    },
    save: async (checkpoint: Checkpoint) => {
      await mkdir(directory, { recursive: true });
      await replaceDurably(file, encodeCheckpoint(checkpoint));
      const lines = checkpoint.log.map((line) => `${JSON.stringify(line)}\n`);
      await replaceDurably(join(directory, 'training-log.jsonl'), lines.join(''));
    },
  };
}
