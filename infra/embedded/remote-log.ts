import type { Buffer } from 'node:buffer';
import { UserError } from '../../domain/errors.js';
import type { Consumer, Log, LogRecord, PartitionId, PartitionStatus } from '../../domain/log.js';
import { logClosed } from '../log/topic-rules.js';
import type { ReadsClient } from './reads-client.js';

export function logOnlyRead(dir: string): UserError {
  return new UserError(`the log in ${dir} is open for reading only; nothing can be written to it`);
}

/** A log that another process has open: what it holds at the moment of each call. */
export class RemoteLog implements Log {
  readonly #reads: ReadsClient;
  #closed = false;

  constructor(reads: ReadsClient) {
    this.#reads = reads;
  }

  async ensureTopics(): Promise<void> {
    throw this.#refusal();
  }

  async append(): Promise<void> {
    throw this.#refusal();
  }

  consume(): Consumer {
    return { done: Promise.reject(this.#refusal()), close: async () => {} };
  }

  async *read(partition: PartitionId, fromOffset: number, toOffset?: number): AsyncGenerator<LogRecord> {
    yield* this.#items<LogRecord>('read', partition, fromOffset, toOffset);
  }

  async status(topic: string): Promise<readonly PartitionStatus[]> {
    if (this.#closed) throw logClosed();
    return (await this.#reads.list('status', topic)) as PartitionStatus[];
  }

  async committed(group: string, partition: PartitionId): Promise<number | undefined> {
    if (this.#closed) throw logClosed();
    const [offset] = await this.#reads.list('committed', group, partition);
    return offset as number | undefined;
  }

  async *state(
    group: string,
    partition: PartitionId,
    keyPrefix = '',
  ): AsyncGenerator<{ readonly key: string; readonly value: Buffer }> {
    yield* this.#items<{ readonly key: string; readonly value: Buffer }>(
      'state',
      group,
      partition,
      keyPrefix,
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reads.close();
  }

  async *#items<T>(method: keyof Log, ...parameters: readonly unknown[]): AsyncGenerator<T> {
    if (this.#closed) throw logClosed();
    for await (const item of this.#reads.items(method, ...parameters)) {
      yield item as T;
      if (this.#closed) throw logClosed();
    }
  }

  #refusal(): Error {
    return this.#closed ? logClosed() : logOnlyRead(this.#reads.dir);
  }
}
