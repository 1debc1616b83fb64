import type { PartitionId } from '../../domain/log.js';

/** Names in the cluster, which others use as well: all of ours begin with the prefix. */
export class Names {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  topic(topic: string): string {
    return this.#prefix + topic;
  }

  partition({ topic, partition }: PartitionId): PartitionId {
    return { topic: this.topic(topic), partition };
  }

  /** The inverse of `topic`. */
  withoutPrefix(topic: string): string {
    return topic.slice(this.#prefix.length);
  }

  group(group: string): string {
    return this.#prefix + group;
  }

  /** Checkpoints of a group that consumes a topic; partition by partition the same. */
  stateTopic(group: string, topic: string): string {
    return `${this.#prefix}${group}.${topic}.state`;
  }

  /** One writer at a time for each partition of each group. */
  transactionalId(group: string, { topic, partition }: PartitionId): string {
    return `${this.#prefix}${group}.${topic}.${partition}`;
  }
}
