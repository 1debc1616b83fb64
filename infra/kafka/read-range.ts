import type { PartitionId } from '../../domain/log.js';
import type { KafkaClient } from './client.js';
import type { WireMessage } from './record-batch.js';
import { fetch } from './record-requests.js';
import { type Fetched, partitionName, visibleOf } from './records.js';

const bytesMax = 4_194_304;
/** How long a read waits for the cluster before it fails. */
const retryMs = 30_000;

/**
 * Visible messages with offset in [fromOffset, toOffset), in pieces of about `pieceBytes`: Kafka gives whole batches, and at
 * least one. Needs no group.
 */
export async function* readRange(
  client: KafkaClient,
  id: PartitionId,
  fromOffset: number,
  toOffset: number,
  pieceBytes = bytesMax,
): AsyncGenerator<readonly WireMessage[]> {
  for (let offset = fromOffset; offset < toOffset; ) {
    const { messages, nextOffset } = await client.patiently(
      `reading ${partitionName(id)}`,
      () => fetchAlone(client, id, offset, pieceBytes),
      { retryMs },
    );
    yield nextOffset <= toOffset ? messages : messages.filter((message) => message.offset < toOffset);
    offset = nextOffset;
  }
}

/** What follows `offset` in one partition; without waiting if there is something. */
async function fetchAlone(
  client: KafkaClient,
  id: PartitionId,
  offset: number,
  maxBytes: number,
): Promise<Fetched> {
  const broker = await client.broker(await client.requireLeader(id));
  const [partition] = await fetch(broker, {
    maxWaitMs: 100,
    maxBytes,
    partitions: [{ ...id, fetchOffset: offset, maxBytes }],
  });
  return partition ? visibleOf(partition, offset) : { messages: [], nextOffset: offset, endOffset: offset };
}
