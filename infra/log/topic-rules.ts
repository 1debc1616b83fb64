import { UserError, WorldError } from '../../domain/errors.js';
import type { PartitionId, TopicSpec } from '../../domain/log.js';

/** Decides what `ensureTopics` has to do for a topic that exists as `existing` (undefined: does not exist). */
export function decideTopicChange(
  existing: TopicSpec | undefined,
  wanted: TopicSpec,
): 'create' | 'unchanged' | 'update' {
  if (!existing) return 'create';
  if (existing.partitionCount !== wanted.partitionCount)
    throw new UserError(
      `topic "${wanted.name}" has ${existing.partitionCount} partitions, the configuration says ` +
        `${wanted.partitionCount}. Machines would change their partition and lose their state: set partitions to ` +
        `${existing.partitionCount}, or start with an empty log.`,
    );
  if (existing.cleanup !== wanted.cleanup)
    throw new UserError(
      `topic "${wanted.name}" was made with cleanup "${existing.cleanup}", not "${wanted.cleanup}". ` +
        'Start with an empty log to change it.',
    );
  return existing.retentionMs === wanted.retentionMs ? 'unchanged' : 'update';
}

export function missingTopic(topic: string): WorldError {
  return new WorldError('rejected', `the log has no topic "${topic}": create it with ensureTopics first`, {
    retryable: false,
  });
}

export function missingPartition({ topic, partition }: PartitionId, partitionCount: number): WorldError {
  return new WorldError(
    'rejected',
    `topic "${topic}" has the partitions 0 to ${partitionCount - 1}, not ${partition}`,
    { retryable: false },
  );
}

export function logClosed(): WorldError {
  return new WorldError('closed', 'the log is closed', { retryable: false });
}
