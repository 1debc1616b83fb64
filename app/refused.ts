/** What a log holds in `rejected`, by reason: for those who fed it a history and should know what is missing from it. */
import type { Log, NewRecord } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { formatCount } from './terminal/format.js';

export interface Refused {
  readonly reason: string;
  readonly count: number;
  /** The first of them: a sentence with the value and what to do. */
  readonly first: string;
}

/** Counts the records of `rejected` among those that it is given. */
export class RefusedTally {
  readonly #byReason = new Map<string, Refused>();

  addAll(records: Iterable<NewRecord>): void {
    for (const record of records) {
      if (record.topic !== topics.rejected) continue;
      const { reason, detail } = decodeRecord(topics.rejected, { ...record, offset: 0 });
      const known = this.#byReason.get(reason);
      this.#byReason.set(reason, { reason, count: (known?.count ?? 0) + 1, first: known?.first ?? detail });
    }
  }

  /** The most frequent first. */
  list(): Refused[] {
    return [...this.#byReason.values()].sort((a, b) => b.count - a.count);
  }
}

/** The most frequent first. */
export async function readRefused(log: Log): Promise<Refused[]> {
  const tally = new RefusedTally();
  for (const { partition, beginOffset, endOffset } of await log.status(topics.rejected))
    for await (const record of log.read({ topic: topics.rejected, partition }, beginOffset, endOffset))
      tally.addAll([record]);
  return tally.list();
}

export function describeRefused({ reason, count, first }: Refused): string {
  return `${formatCount(count)} refused as ${reason}, such as: ${first}`;
}
