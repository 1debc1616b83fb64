import { Buffer } from 'node:buffer';
import type { ConsumerOptions, Log, LogRecord, NewRecord, PartitionId } from '../../domain/log.js';

/** A log in arrays that does just what a replay asks of one, for tests of the replay alone. */
export function makeArrayLog(): Log {
  const partitions = new Map<string, LogRecord[]>();
  const nameOf = ({ topic, partition }: PartitionId) => `${topic}/${partition}`;
  let partitionCount = 0;
  const recordsOf = (id: PartitionId) => {
    const records = partitions.get(nameOf(id));
    if (!records) throw new Error(`no partition ${nameOf(id)}`);
    return records;
  };
  const append = (records: readonly NewRecord[]) => {
    for (const record of records) {
      const held = recordsOf(record);
      held.push({ ...record, value: Buffer.from(record.value), offset: held.length });
    }
  };
  const process = async (options: ConsumerOptions) => {
    for (const topic of options.topics) {
      for (let partition = 0; partition < partitionCount; partition++) {
        const handler = options.handlerFor({ topic, partition });
        handler.restore([]);
        const held = recordsOf({ topic, partition });
        for (let from = 0; from < held.length; from += options.batchRecordsMax) {
          const records = held.slice(from, from + options.batchRecordsMax);
          const checkpoint = await handler.process({ topic, partition, records });
          append(checkpoint?.outputs ?? []);
        }
        handler.close();
      }
    }
  };
  return {
    ensureTopics: async (specs) => {
      for (const spec of specs) {
        ({ partitionCount } = spec);
        for (let partition = 0; partition < partitionCount; partition++)
          partitions.set(nameOf({ topic: spec.name, partition }), []);
      }
    },
    append: async (records) => append(records),
    consume: (options) => {
      const done = process(options);
      return { done, close: async () => void (await done.catch(() => undefined)) };
    },
    read: async function* (id, fromOffset, toOffset) {
      yield* recordsOf(id).slice(fromOffset, toOffset);
    },
    status: async (topic) =>
      Array.from({ length: partitionCount }, (_, partition) => ({
        topic,
        partition,
        beginOffset: 0,
        endOffset: recordsOf({ topic, partition }).length,
      })),
    committed: async () => undefined,
    state: async function* () {},
    close: async () => {},
  };
}
