import type { Buffer } from 'node:buffer';
import type { Checkpoint, LogRecord, PartitionId } from '../../domain/log.js';

/** What a log must offer so that a partition can be consumed. All reads are of what is durable. */
export interface PartitionSource {
  bounds(partition: PartitionId): { readonly beginOffset: number; readonly endOffset: number };
  /** Up to `recordsMax` records from `fromOffset` on; empty only if there is none up to the end offset. */
  readBatch(partition: PartitionId, fromOffset: number, recordsMax: number): readonly LogRecord[];
  committedOffset(group: string, partition: PartitionId): number | undefined;
  stateOf(group: string, partition: PartitionId): Iterable<{ readonly key: string; readonly value: Buffer }>;
  /** Makes outputs, state and offset durable as one, and wakes the consumers of the outputs' topics. */
  commit(group: string, partition: PartitionId, checkpoint: Checkpoint): Promise<void>;
}

/** What a log must offer so that the groups of its process can share its partitions. */
export interface GroupSource extends PartitionSource {
  /** Throws when the topic does not exist. */
  partitionCount(topic: string): number;
  /** Of every group that has one, whether it runs here or not: group name to offset. */
  committedOffsets(partition: PartitionId): ReadonlyMap<string, number>;
}

/** A partition as the key of a map. */
export function partitionKey(partition: PartitionId): string {
  return `${partition.partition}/${partition.topic}`;
}
