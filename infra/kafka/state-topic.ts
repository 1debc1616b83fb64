/**
 * Checkpoints in a compacted topic: the entries of the state, each under its key, and after those of one checkpoint the
 * offset that it includes. Written in one transaction, so that a reader sees all of a checkpoint or nothing.
 */
import { Buffer } from 'node:buffer';
import type { PartitionId, StateEntry } from '../../domain/log.js';
import type { KafkaClient } from './client.js';
import type { Addressed } from './producer.js';
import { readRange } from './read-range.js';
import type { WireMessage } from './record-batch.js';

const offsetKey = 'offset';
const entryPrefix = 'state/';

/** The last record of a checkpoint. */
export interface OffsetRecord {
  readonly nextOffset: number;
  /** Who wrote it, and the how many-eth of that writer it is: by it a writer recognises its own. */
  readonly writer: string;
  readonly sequence: number;
}

export function checkpointRecords(
  id: PartitionId,
  state: readonly StateEntry[],
  offset: OffsetRecord,
): Addressed[] {
  const at = (key: string, value: Buffer | null): Addressed => ({
    ...id,
    record: { key, value, timeMs: undefined },
  });
  return [
    ...state.map(({ key, value }) => at(entryPrefix + key, value)),
    at(offsetKey, Buffer.from(JSON.stringify(offset))),
  ];
}

export interface StateSnapshot {
  readonly entries: ReadonlyMap<string, Buffer>;
  /** undefined before the first checkpoint. */
  readonly offset: OffsetRecord | undefined;
}

/** What the checkpoints so far have left, kept up to date by reading only what is new. */
export class StateReader {
  readonly #client: KafkaClient;
  readonly #id: PartitionId;
  readonly #keyPrefix: string;
  readonly #entries = new Map<string, Buffer>();
  #offset: OffsetRecord | undefined;
  #position = 0;

  /** Of the entries, those whose key begins with `keyPrefix`. */
  constructor(client: KafkaClient, id: PartitionId, keyPrefix = '') {
    this.#client = client;
    this.#id = id;
    this.#keyPrefix = keyPrefix;
  }

  async read(): Promise<StateSnapshot> {
    const { beginOffset, endOffset } = await this.#client.boundsOf(this.#id);
    const fromOffset = Math.max(this.#position, beginOffset);
    for await (const messages of readRange(this.#client, this.#id, fromOffset, endOffset))
      for (const message of messages) this.#apply(message);
    this.#position = Math.max(this.#position, endOffset);
    return { entries: this.#entries, offset: this.#offset };
  }

  #apply(message: WireMessage): void {
    const { key } = message;
    if (key === offsetKey) this.#offset = parseOffset(message);
    else if (key.startsWith(entryPrefix + this.#keyPrefix)) {
      const entryKey = key.slice(entryPrefix.length);
      if (message.value === null) this.#entries.delete(entryKey);
      else this.#entries.set(entryKey, message.value);
    }
  }
}

/** The newest offset record alone: it is the last record of the last checkpoint. */
export async function readLastOffset(
  client: KafkaClient,
  id: PartitionId,
): Promise<OffsetRecord | undefined> {
  const bounds = await client.boundsOf(id);
  let toOffset = bounds.endOffset;
  // Behind it are the marker of its transaction and what was aborted since: more than a few only after trouble.
  for (let count = 8; toOffset > bounds.beginOffset; count *= 8) {
    const fromOffset = Math.max(bounds.beginOffset, toOffset - count);
    let last: WireMessage | undefined;
    for await (const messages of readRange(client, id, fromOffset, toOffset))
      last = messages.findLast(({ key }) => key === offsetKey) ?? last;
    if (last) return parseOffset(last);
    toOffset = fromOffset;
  }
  return undefined;
}

function parseOffset(message: WireMessage): OffsetRecord {
  return JSON.parse(message.value?.toString('utf8') ?? '') as OffsetRecord;
}
