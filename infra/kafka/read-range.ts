import type { PartitionId } from '../../domain/log.js';
import type { KafkaClient } from './client.js';
import { type Fetched, partitionName, visibleOf } from './records.js';
import type { WireMessage } from './wire.js';

const bytesMax = 4_194_304;
/** How long a read waits for the cluster before it fails. */
const retryMs = 30_000;

/** Visible messages with offset in [fromOffset, toOffset), in the pieces in which Kafka gives them. Needs no group. */
export async function* readRange(
  client: KafkaClient,
  id: PartitionId,
  fromOffset: number,
  toOffset: number,
): AsyncGenerator<readonly WireMessage[]> {
  for (let offset = fromOffset; offset < toOffset; ) {
    const { messages, nextOffset } = await client.patiently(
      `reading ${partitionName(id)}`,
      () => fetchAlone(client, id, offset),
      { retryMs },
    );
    yield nextOffset <= toOffset ? messages : messages.filter((message) => Number(message.offset) < toOffset);
    offset = nextOffset;
  }
}

/** What follows `offset` in one partition; without waiting if there is something. */
export async function fetchAlone(client: KafkaClient, id: PartitionId, offset: number): Promise<Fetched> {
  const broker = await client.broker(await client.requireLeader(id));
  const { responses } = await broker.fetch({
    replicaId: -1,
    isolationLevel: 1,
    maxWaitTime: 100,
    minBytes: 1,
    maxBytes: bytesMax,
    topics: [
      {
        topic: id.topic,
        partitions: [{ partition: id.partition, fetchOffset: String(offset), maxBytes: bytesMax }],
      },
    ],
  });
  const partition = responses[0]?.partitions[0];
  if (!partition) return { messages: [], nextOffset: offset, endOffset: offset };
  const fetched = visibleOf(partition, offset);
  // Kafka always gives one partition at least one batch of what there is. If nothing comes of it, compaction has emptied
  // that batch, and kafkajs does not tell where it ends.
  return fetched.nextOffset === offset && fetched.endOffset > offset
    ? { ...fetched, nextOffset: offset + 1 }
    : fetched;
}
