/** What time it was when the log was last written: where plant time comes from messages, a restart goes on from there. */
import type { Log } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';

const chunkRecords = 1000;

/** Time of the newest tick in topic `inputs`; undefined if there is none. Every partition gets every tick. */
export async function lastTickMs(log: Log): Promise<number | undefined> {
  const [first] = await log.status(topics.inputs);
  if (!first) return undefined;
  const { beginOffset, endOffset } = first;
  for (let toOffset = endOffset; toOffset > beginOffset; toOffset -= chunkRecords) {
    let newestMs: number | undefined;
    for await (const record of log.read(first, Math.max(beginOffset, toOffset - chunkRecords), toOffset)) {
      const input = decodeRecord(topics.inputs, record);
      if (input.kind === 'tick') newestMs = input.timeMs;
    }
    if (newestMs !== undefined) return newestMs;
  }
  return undefined;
}
