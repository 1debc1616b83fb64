/** The account of everything received: where each reading and event ended. Computed from the log alone. */
import type { Log, PartitionId } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { readLedger } from '../stream/step-state-entries.js';
import { groups } from './groups.js';

/** Counts of readings and events; a message that could not be read at all counts as one. */
export interface Ledger {
  /** Sum of the others. */
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly late: number;
  /** In the log, not yet seen by the stream stage. */
  readonly waiting: number;
}

export const emptyLedger: Ledger = {
  received: 0,
  accepted: 0,
  rejected: 0,
  duplicate: 0,
  late: 0,
  waiting: 0,
};

/**
 * Rejected and late ones are records of the topic `rejected`, one each, so their number is its end offset (offsets
 * are never re-used, retention does not change them). The stream stage counts the rest in the state of its last
 * checkpoint; what lies behind that checkpoint is waiting.
 */
export async function computeLedger(log: Log): Promise<Ledger> {
  let accepted = 0;
  let duplicate = 0;
  let late = 0;
  let waiting = 0;
  let refused = 0;
  for (const { endOffset } of await log.status(topics.rejected)) refused += endOffset;
  for (const { partition, beginOffset, endOffset } of await log.status(topics.inputs)) {
    const id: PartitionId = { topic: topics.inputs, partition };
    const counted = readLedger(await collect(log.state(groups.stream, id)));
    accepted += counted.accepted;
    duplicate += counted.duplicate;
    late += counted.late;
    const from = (await log.committed(groups.stream, id)) ?? beginOffset;
    for await (const record of log.read(id, from, endOffset)) {
      const input = decodeRecord(topics.inputs, record);
      if (input.kind === 'readings') waiting += input.values.length;
      else if (input.kind === 'event') waiting += 1;
    }
  }
  const rejected = refused - late;
  return {
    received: accepted + rejected + duplicate + late + waiting,
    accepted,
    rejected,
    duplicate,
    late,
    waiting,
  };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
