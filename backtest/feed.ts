/** The inputs that a live run has logged, as the input of a replay. */
import type { Log, NewRecord } from '../domain/log.js';
import { topics } from '../domain/topics.js';

const chunkRecords = 2000;

/** The inputs that a log holds, partition by partition, ticks included: what the live run saw, in its order. */
export async function* feedLog(log: Log): AsyncGenerator<NewRecord[]> {
  for (const { partition, beginOffset, endOffset } of await log.status(topics.inputs)) {
    let chunk: NewRecord[] = [];
    for await (const { topic, key, value, timeMs } of log.read(
      { topic: topics.inputs, partition },
      beginOffset,
      endOffset,
    )) {
      chunk.push({ topic, partition, key, value, timeMs });
      if (chunk.length >= chunkRecords) {
        yield chunk;
        chunk = [];
      }
    }
    if (chunk.length > 0) yield chunk;
  }
}
