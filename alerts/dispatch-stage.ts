/**
 * Topic `dispatch` → topic `notifications`: the dispatcher, whose time is the ticks of its topic. State entries are the
 * dispatcher's: open alerts (`o|ALERT_ID`), silences (`s|ID`), groups (`g|KEY`), storms (`l|LANE`) and the time.
 */
import { Buffer } from 'node:buffer';
import type { Batch, Checkpoint, NewRecord, PartitionHandler, StateEntry } from '../domain/log.js';
import type { NotificationRecord } from '../domain/notification.js';
import type { SilenceRecord } from '../domain/silence.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import type { AlertsConfig } from './config.js';
import type { DispatchEntry } from './dispatch-state.js';
import { Dispatcher } from './dispatcher.js';

export interface DispatchStageOptions {
  readonly config: AlertsConfig;
  /** Of time intervals that name none. */
  readonly timeZone: string;
  /** Told after every batch: the time at which a tick is wanted; Infinity: none is. */
  readonly onDue?: (dueMs: number) => void;
}

export function makeDispatchStage(options: DispatchStageOptions): () => PartitionHandler {
  return () => new DispatchHandler(options);
}

/** Prefix of the entries that hold silences, and what one of them holds. */
export const silencePrefix = 's|';
export function decodeSilence(value: Buffer): SilenceRecord {
  return JSON.parse(value.toString('utf8')) as SilenceRecord;
}

class DispatchHandler implements PartitionHandler {
  readonly #dispatcher: Dispatcher;
  readonly #onDue: (dueMs: number) => void;

  constructor({ config, timeZone, onDue = () => {} }: DispatchStageOptions) {
    this.#dispatcher = new Dispatcher(config, timeZone);
    this.#onDue = onDue;
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    const entries = [...state].map(
      ({ key, value }) => ({ key, value: JSON.parse(value.toString('utf8')) as unknown }) as DispatchEntry,
    );
    this.#dispatcher.restore(entries);
    this.#onDue(this.#dispatcher.dueMs);
  }

  process({ records }: Batch): Promise<Checkpoint | null> {
    const outputs: NewRecord[] = [];
    let nextOffset: number | null = null;
    for (const record of records) {
      const input = decodeRecord(topics.dispatch, record);
      nextOffset = record.offset + 1;
      if (input.kind === 'alert') this.#dispatcher.noteAlert(input);
      else if (input.kind === 'silence') this.#dispatcher.noteSilence(input);
      else
        for (const { key, ...telling } of this.#dispatcher.advance(input.timeMs)) {
          // What goes by the number of the record is told once of it, also after a restart.
          const single = telling.group === null && telling.reason === 'changed';
          const notification: NotificationRecord = {
            kind: 'notification',
            dedupeKey: single ? key : `${key}/${record.offset}`,
            timeMs: input.timeMs,
            ...telling,
          };
          outputs.push(encodeRecord(topics.notifications, 0, notification));
        }
    }
    this.#onDue(this.#dispatcher.dueMs);
    if (nextOffset === null) return Promise.resolve(null);
    const state = this.#dispatcher.changes().map(
      ({ key, value }): StateEntry => ({
        key,
        value: value === undefined ? null : Buffer.from(JSON.stringify(value)),
      }),
    );
    return Promise.resolve({ nextOffset, outputs, state });
  }

  close(): void {
    this.#onDue(Number.POSITIVE_INFINITY);
  }
}
