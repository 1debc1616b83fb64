/** The account of everything received: where each reading and event ended. Computed from the log alone. */
import type { Log, PartitionId } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import {
  accountKeyPrefix,
  type PartitionAccount,
  readAccount,
  sumLedgers,
} from '../stream/step-state-entries.js';
import { groups } from './groups.js';

/** Counts of readings and events; a message that could not be read at all counts as one. */
export interface Ledger {
  /** Sum of the others. */
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly late: number;
  /** In the log, not yet in a checkpoint of the stream stage: none after a clean stop. */
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
 * Refused and late ones are records of the topic `rejected`, one each, so their number is its end offset (offsets
 * are never re-used, retention does not change them), or is counted where offsets have gaps. The stream stage counts what it has processed in the state of
 * its last checkpoint; what lies behind that checkpoint is waiting. May be asked while the pipeline runs, from any
 * process: whatever was acknowledged before the call is in, each in one place.
 */
export async function computeLedger(log: Log): Promise<Ledger> {
  let received = 0;
  let accepted = 0;
  let duplicate = 0;
  let late = 0;
  let waiting = 0;
  for (const { partition } of await log.status(topics.inputs)) {
    const found = await readConsistently(log, partition);
    const counted = sumLedgers([found.account.readings, found.account.events]);
    const behind = await countWaiting(log, partition, found.account.nextOffset, found.inputsEnd);
    // Of what was refused, the stream stage has counted its own; the others were refused by ingest.
    const refusedByIngest = found.refusedCount - counted.rejected - counted.late;
    received +=
      counted.accepted + counted.duplicate + counted.late + counted.rejected + refusedByIngest + behind;
    accepted += counted.accepted;
    duplicate += counted.duplicate;
    late += counted.late;
    waiting += behind;
  }
  const rejected = received - accepted - duplicate - late - waiting;
  return { received, accepted, rejected, duplicate, late, waiting };
}

interface PartitionFacts {
  readonly account: PartitionAccount;
  /** End offset of the partition in `inputs`. */
  readonly inputsEnd: number;
  /** Records that the partition of `rejected` has ever had. */
  readonly refusedCount: number;
}

/**
 * A checkpoint moves the account and adds to `rejected` at once, but they are read one after the other. So they are
 * read again until the stage has refused nothing in between: else what it refused would count twice or not at all.
 * What ingest refuses meanwhile does no harm.
 */
async function readConsistently(log: Log, partition: number): Promise<PartitionFacts> {
  const id: PartitionId = { topic: topics.inputs, partition };
  for (let account = await readPartitionAccount(log, id); ; ) {
    const refusedCount = await countRejected(log, partition);
    const next = await readPartitionAccount(log, id);
    if (countRefused(next) === countRefused(account))
      return { account: next, inputsEnd: await endOffset(log, topics.inputs, partition), refusedCount };
    account = next;
  }
}

function countRefused({ readings, events }: PartitionAccount): number {
  return readings.late + readings.rejected + events.late + events.rejected;
}

const nothingCounted: PartitionAccount = (() => {
  const none = sumLedgers([]);
  return { nextOffset: 0, readings: none, events: none };
})();

async function readPartitionAccount(log: Log, id: PartitionId): Promise<PartitionAccount> {
  const entries = [];
  for await (const entry of log.state(groups.stream, id, accountKeyPrefix)) entries.push(entry);
  return readAccount(entries) ?? nothingCounted;
}

/**
 * Where offsets are dense the end is the number. Where they are not, records are counted, and what retention has taken
 * is taken for as many as its offsets.
 */
async function countRejected(log: Log, partition: number): Promise<number> {
  const id = { topic: topics.rejected, partition };
  if (!log.sparseOffsets) return endOffset(log, topics.rejected, partition);
  let count = (await log.status(topics.rejected))[partition]?.beginOffset ?? 0;
  for await (const _ of log.read(id, 0)) count++;
  return count;
}

async function endOffset(log: Log, topic: string, partition: number): Promise<number> {
  return (await log.status(topic))[partition]?.endOffset ?? 0;
}

/** Readings and events in [fromOffset, toOffset) of a partition of `inputs`. */
async function countWaiting(
  log: Log,
  partition: number,
  fromOffset: number,
  toOffset: number,
): Promise<number> {
  let count = 0;
  for await (const record of log.read({ topic: topics.inputs, partition }, fromOffset, toOffset)) {
    const input = decodeRecord(topics.inputs, record);
    if (input.kind === 'readings') count += input.values.length;
    else if (input.kind === 'event') count += 1;
  }
  return count;
}
