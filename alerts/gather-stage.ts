/**
 * Topic `alerts` → topic `dispatch`: the transitions of all partitions in one, each batch behind the time at which it
 * came.
 *
 * Where it begins, in a log that holds alerts already, it passes on those that are open, at their present state, and
 * nothing of those that are over. Until then its state is `before`: where it began.
 */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../domain/alert.js';
import type { Clock } from '../domain/clock.js';
import type { Batch, Checkpoint, PartitionHandler } from '../domain/log.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import { AlertsBefore, type PastOffsets } from './alerts-before.js';

const beforeKey = 'before';

/** `clock`: plant time. */
export function makeGatherStage(clock: Clock): () => PartitionHandler {
  return () => new GatherHandler(clock);
}

class GatherHandler implements PartitionHandler {
  readonly #clock: Clock;
  /** Until what was open at the beginning has been passed on. */
  #before: AlertsBefore | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join({ beginOffset, endOffset }: { beginOffset: number; endOffset: number }): Checkpoint {
    const before: PastOffsets = { fromOffset: beginOffset, untilOffset: endOffset };
    const state =
      endOffset > beginOffset ? [{ key: beforeKey, value: Buffer.from(JSON.stringify(before)) }] : [];
    return { nextOffset: beginOffset, outputs: [], state };
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    for (const { key, value } of state)
      if (key === beforeKey)
        this.#before = new AlertsBefore(JSON.parse(value.toString('utf8')) as PastOffsets);
  }

  process({ records }: Batch): Promise<Checkpoint | null> {
    const alerts: AlertRecord[] = [];
    const untilOffset = this.#before?.offsets.untilOffset ?? 0;
    let nextOffset: number | null = null;
    for (const record of records) {
      const alert = decodeRecord(topics.alerts, record);
      if (record.offset < untilOffset) this.#before?.note(alert);
      if (record.offset + 1 < untilOffset) continue;
      if (this.#before) {
        alerts.push(...this.#before.open());
        this.#before = undefined;
      }
      if (record.offset >= untilOffset) alerts.push(alert);
      nextOffset = record.offset + 1;
    }
    if (nextOffset === null) return Promise.resolve(null);
    const state = untilOffset > 0 ? [{ key: beforeKey, value: null }] : [];
    const tick = { kind: 'tick', timeMs: this.#clock.nowMs() } as const;
    const outputs = alerts.length === 0 ? [] : [tick, ...alerts];
    return Promise.resolve({
      nextOffset,
      outputs: outputs.map((record) => encodeRecord(topics.dispatch, 0, record)),
      state,
    });
  }

  close(): void {}
}
