import type { Log } from '../domain/log.js';
import { decodeRecord, type TopicName, type TopicRecords } from '../domain/topics.js';

/** What a topic holds when it is asked, partition by partition, each in its order. */
export async function* readTopic<Topic extends TopicName>(
  log: Log,
  topic: Topic,
): AsyncGenerator<TopicRecords[Topic]> {
  for (const { partition, beginOffset, endOffset } of await log.status(topic))
    for await (const record of log.read({ topic, partition }, beginOffset, endOffset))
      yield decodeRecord(topic, record);
}
