/** Histories as feeds with a clock of their own, for tests of the replay alone; the product's go through ingest. */
import { assert } from '../../domain/assert.js';
import type { EventRecord, ReadingsRecord } from '../../domain/input.js';
import type { NewRecord } from '../../domain/log.js';
import { encodeRecord, partitionOf, topics } from '../../domain/topics.js';

const chunkRecords = 2000;

/**
 * A history as the live ingest would have logged it, had the clock been set to each record's `ingestTimeMs`: machines
 * in their partitions, and a tick to every partition at each multiple of `tickEveryMs` that passes, up to and
 * including `untilMs`. The records must come by ascending `ingestTimeMs` (asserted: a tick in the wrong place closes
 * steps too soon); records after `untilMs` are not fed.
 */
export async function* feedHistory(
  history: AsyncIterable<ReadingsRecord | EventRecord> | Iterable<ReadingsRecord | EventRecord>,
  options: { readonly partitionCount: number; readonly tickEveryMs: number; readonly untilMs: number },
): AsyncGenerator<NewRecord[]> {
  const { partitionCount, tickEveryMs, untilMs } = options;
  let chunk: NewRecord[] = [];
  let nextTickMs: number | undefined;
  let nowMs = -Infinity;
  const tickUntil = (timeMs: number) => {
    for (; nextTickMs !== undefined && nextTickMs <= timeMs; nextTickMs += tickEveryMs)
      for (let partition = 0; partition < partitionCount; partition++)
        chunk.push(encodeRecord(topics.inputs, partition, { kind: 'tick', timeMs: nextTickMs }));
  };
  for await (const record of history) {
    const { ingestTimeMs } = record;
    assert(ingestTimeMs >= nowMs, `records by ascending ingest time, got ${ingestTimeMs} after ${nowMs}`);
    if (ingestTimeMs > untilMs) break;
    nowMs = ingestTimeMs;
    nextTickMs ??= Math.ceil(ingestTimeMs / tickEveryMs) * tickEveryMs;
    tickUntil(ingestTimeMs);
    chunk.push(encodeRecord(topics.inputs, partitionOf(record.machine, partitionCount), record));
    if (chunk.length >= chunkRecords) {
      yield chunk;
      chunk = [];
    }
  }
  tickUntil(untilMs);
  if (chunk.length > 0) yield chunk;
}
