/**
 * The log in a folder, on LMDB: for one computer, with nothing to install. One process writes (and consumes), others
 * may read meanwhile, through that one. Deliberately absent: replication, and consumer groups across processes (Kafka has them).
 */
import type { Buffer } from 'node:buffer';
import type {
  Consumer,
  ConsumerOptions,
  Log,
  LogRecord,
  NewRecord,
  PartitionId,
  PartitionStatus,
  TopicSpec,
} from '../../domain/log.js';
import { logClosed } from '../log/topic-rules.js';
import type { FolderMode } from './folder-lock.js';
import { type LmdbFolder, openFolder, shareFolder } from './lmdb-folder.js';
import { openDatabase } from './lmdb-open.js';
import { LogView } from './log-view.js';
import { EmbeddedLogWriter } from './log-writer.js';
import { ReadsClient } from './reads-client.js';
import { logOnlyRead, RemoteLog } from './remote-log.js';

/** Grows when the layout of the folder changes. */
const logFormat = { holds: 'log', version: 1 } as const;

/**
 * Opens the log in `dir`, making it if it is missing and `mode` is read-write. Throws UserError (nothing there,
 * something else there, another version) or WorldError ('locked' by another process, 'corrupt', 'unauthorized'). A reader
 * beside a process that writes reads through it, and gets WorldError 'unreachable' when that one ends meanwhile.
 */
export async function openEmbeddedLog(options: {
  readonly dir: string;
  readonly mode?: FolderMode;
}): Promise<Log> {
  const folder = await openFolder(options.dir, logFormat, options.mode ?? 'read-write');
  if (folder instanceof ReadsClient) return new RemoteLog(folder);
  try {
    const writer = folder.writer && (await EmbeddedLogWriter.open(folder, folder.writer));
    return new EmbeddedLog(folder, writer);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** The log for reading, in another thread of the process that has it open. */
export function shareEmbeddedLog(dir: string): Log {
  return new EmbeddedLog(shareFolder(dir), null);
}

class EmbeddedLog implements Log {
  readonly #folder: LmdbFolder;
  /** null when read-only. */
  readonly #writer: EmbeddedLogWriter | null;
  readonly #view: LogView;
  #closing: Promise<void> | null = null;

  constructor(folder: LmdbFolder, writer: EmbeddedLogWriter | null) {
    this.#folder = folder;
    this.#writer = writer;
    this.#view = new LogView(folder.root, (name) =>
      writer ? writer.database(name) : openDatabase(folder.root, name),
    );
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.#writable().ensureTopics(specs);
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    await this.#writable().append(records);
  }

  consume(options: ConsumerOptions): Consumer {
    try {
      return this.#writable().consumers.consume(options);
    } catch (error) {
      return { done: Promise.reject(error), close: async () => {} };
    }
  }

  async *read(partition: PartitionId, fromOffset: number, toOffset?: number): AsyncGenerator<LogRecord> {
    this.#checkOpen();
    for await (const record of this.#view.read(partition, fromOffset, toOffset)) {
      yield record;
      this.#checkOpen();
    }
  }

  async status(topic: string): Promise<readonly PartitionStatus[]> {
    this.#checkOpen();
    return this.#view.status(topic);
  }

  async committed(group: string, partition: PartitionId): Promise<number | undefined> {
    this.#checkOpen();
    return this.#view.committed(group, partition);
  }

  async *state(
    group: string,
    partition: PartitionId,
    keyPrefix = '',
  ): AsyncGenerator<{ readonly key: string; readonly value: Buffer }> {
    this.#checkOpen();
    // Taken at once: a cursor that waits for its reader would hold pages of old versions.
    yield* [...this.#view.state(group, partition, keyPrefix)];
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#writer?.finish();
      await this.#folder.close();
    })();
    return this.#closing;
  }

  #writable(): EmbeddedLogWriter {
    this.#checkOpen();
    if (!this.#writer) throw logOnlyRead(this.#folder.dir);
    return this.#writer;
  }

  #checkOpen(): void {
    if (this.#closing) throw logClosed();
  }
}
