/** What a log holds in `rejected`, by reason: for those who fed it a history and should know what is missing from it. */
import type { Log } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { formatCount } from './terminal/format.js';

export interface Refused {
  readonly reason: string;
  readonly count: number;
  /** The first of them: a sentence with the value and what to do. */
  readonly first: string;
}

/** The most frequent first. */
export async function readRefused(log: Log): Promise<Refused[]> {
  const byReason = new Map<string, Refused>();
  for (const { partition, beginOffset, endOffset } of await log.status(topics.rejected))
    for await (const record of log.read({ topic: topics.rejected, partition }, beginOffset, endOffset)) {
      const { reason, detail } = decodeRecord(topics.rejected, record);
      const known = byReason.get(reason);
      byReason.set(reason, { reason, count: (known?.count ?? 0) + 1, first: known?.first ?? detail });
    }
  return [...byReason.values()].sort((a, b) => b.count - a.count);
}

export function describeRefused({ reason, count, first }: Refused): string {
  return `${formatCount(count)} refused as ${reason}, such as: ${first}`;
}
