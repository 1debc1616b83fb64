import { assert } from '../../domain/assert.js';
import { WorldError } from '../../domain/errors.js';
import type { Checkpoint, ConsumerOptions, PartitionHandler, PartitionId } from '../../domain/log.js';
import type { PartitionSource } from './partition-source.js';
import type { Turns } from './turns.js';

/** First wait after a commit failed with a retryable error, and the longest one: it doubles in between. */
const retryMsFirst = 100;
const retryMsMax = 5_000;
/** A partition this many batches behind does not wait for others any more. */
const patienceBatches = 10;

/**
 * One partition in the hands of one consumer: restore, then batch after batch, one at a time, until stopped.
 *
 * A checkpoint that the log cannot take for now (disk full) is offered again until it is taken or the consumer
 * loses the partition: the handler's state is ahead of the durable one by then, so there is nothing else to do
 * with it. Given up then, its records are processed again by whoever restores the last durable checkpoint.
 */
export class PartitionLoop {
  readonly partition: PartitionId;
  readonly #source: PartitionSource;
  readonly #options: ConsumerOptions;
  readonly #onProgress: (position: number) => void;
  readonly #turns: Turns;
  /** It waits for those that do not. */
  readonly #canWait: boolean;
  /** Others wait for it. */
  #busy = false;
  #begin = 0;
  #position = 0;
  #committed: number | undefined;
  #stopping = false;
  #wake: (() => void) | null = null;

  /** `onProgress` is called with the next offset to process, after each batch and whenever there is no more. */
  constructor(
    source: PartitionSource,
    options: ConsumerOptions,
    partition: PartitionId,
    turns: Turns,
    onProgress: (position: number) => void,
  ) {
    this.#source = source;
    this.#turns = turns;
    this.#canWait = options.topicsThatCanWait?.includes(partition.topic) ?? false;
    this.#options = options;
    this.partition = partition;
    this.#onProgress = onProgress;
  }

  get group(): string {
    return this.#options.group;
  }

  /** Lowest offset that is read again if no checkpoint comes. A group that begins at the end repeats nothing. */
  get neededFrom(): number {
    return this.#options.from === 'beginning' ? this.#begin : this.#position;
  }

  /** Something may have changed: new records, or a wish to stop. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** Lets the batch in hand end. */
  stop(): void {
    this.#stopping = true;
    this.wake();
  }

  /** Resolves when stopped, with the reason if it was a failure. Never rejects. */
  async run(): Promise<{ readonly error: unknown } | null> {
    // Begin in a later turn: whoever called consume() must have the Consumer in hand before its handlers run.
    await Promise.resolve();
    if (this.#stopping) return null;
    let handler: PartitionHandler | null = null;
    try {
      this.#committed = this.#source.committedOffset(this.#options.group, this.partition);
      const bounds = this.#source.bounds(this.partition);
      handler = this.#options.handlerFor(this.partition);
      const joined =
        !handler.join ||
        this.#committed !== undefined ||
        (await this.#commit(handler.join(bounds), bounds.endOffset));
      this.#begin =
        this.#committed ?? bounds[this.#options.from === 'beginning' ? 'beginOffset' : 'endOffset'];
      this.#position = this.#begin;
      if (joined) {
        handler.restore(this.#source.stateOf(this.#options.group, this.partition));
        if (await this.#process(handler)) await this.#finish(handler);
      }
      handler.close();
      return null;
    } catch (error) {
      return { error: closeAfter(error, handler) };
    } finally {
      this.#setBusy(false);
    }
  }

  /** False: stopped while a checkpoint could not be made durable, so that nothing later may be either. */
  async #process(handler: PartitionHandler): Promise<boolean> {
    while (!this.#stopping) {
      const { endOffset } = this.#source.bounds(this.partition);
      if (this.#position >= endOffset) {
        this.#setBusy(false);
        this.#onProgress(this.#position);
        if (!this.#stopping) await this.#woken();
        continue;
      }
      if (!this.#canWait) this.#setBusy(true);
      else if (endOffset - this.#position < patienceBatches * this.#options.batchRecordsMax) {
        await this.#turns.wait();
      }
      await this.#turns.next(this.#options.urgency ?? 0);
      if (this.#stopping) break;
      const records = this.#source.readBatch(this.partition, this.#position, this.#options.batchRecordsMax);
      const last = records[records.length - 1];
      if (last) {
        const checkpoint = await handler.process({ ...this.partition, records });
        if (checkpoint && !(await this.#commit(checkpoint, last.offset + 1))) return false;
      }
      this.#position = last ? last.offset + 1 : endOffset;
      this.#onProgress(this.#position);
    }
    return true;
  }

  /** Not retried: what is lost with it is done again. */
  async #finish(handler: PartitionHandler): Promise<void> {
    const checkpoint = handler.finish?.();
    if (checkpoint) await this.#commit(checkpoint, this.#position);
  }

  /** False: given up because the consumer stops; nothing of the checkpoint is durable. */
  async #commit(checkpoint: Checkpoint, processedOffset: number): Promise<boolean> {
    assert(
      checkpoint.nextOffset <= processedOffset && checkpoint.nextOffset >= (this.#committed ?? 0),
      `a checkpoint between ${this.#committed ?? 0} and ${processedOffset}, got ${checkpoint.nextOffset}`,
    );
    for (let waitMs = retryMsFirst; ; waitMs = Math.min(2 * waitMs, retryMsMax)) {
      try {
        await this.#source.commit(this.#options.group, this.partition, checkpoint);
        this.#committed = checkpoint.nextOffset;
        return true;
      } catch (error) {
        if (!(error instanceof WorldError && error.retryable)) throw error;
        if (!(await this.#waited(waitMs))) return false;
      }
    }
  }

  #setBusy(busy: boolean): void {
    if (this.#busy === busy) return;
    this.#busy = busy;
    if (busy) this.#turns.begin();
    else this.#turns.end();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** False as soon as the loop is to stop. */
  async #waited(waitMs: number): Promise<boolean> {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      this.wake();
    }, waitMs);
    while (!over && !this.#stopping) await this.#woken();
    clearTimeout(timer);
    return !this.#stopping;
  }
}

/** Closes the handler after a failure; a second failure there is told with the first. */
function closeAfter(error: unknown, handler: PartitionHandler | null): unknown {
  try {
    handler?.close();
    return error;
  } catch (closeError) {
    return new AggregateError([error, closeError], `${String(error)}; then closing: ${String(closeError)}`);
  }
}
